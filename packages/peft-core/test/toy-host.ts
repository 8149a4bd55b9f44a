import type { HostTensors } from '../src/host.js';
import type { HostSpec, Site } from '../src/host-spec.js';

const layer = (index: number): Site[] => {
  const path = `encoder.layer.${index}`;
  const linear = (name: string, inputSize = 4, outputSize = 4): Site => ({
    kind: 'linear',
    path: `${path}.${name}`,
    layer: index,
    inputSize,
    outputSize,
  });
  return [
    { kind: 'attention', path: `${path}.attention.self`, layer: index, heads: 2, headSize: 2 },
    linear('attention.self.query'),
    linear('attention.self.key'),
    linear('attention.self.value'),
    linear('attention.output.dense'),
    linear('intermediate.dense', 4, 8),
    linear('output.dense', 8, 4),
    { kind: 'hidden', path, layer: index, size: 4 },
  ];
};

/** A BERT of two layers that is nothing but its description. */
export const toyHost: HostSpec = {
  modelType: 'bert',
  baseModelPrefix: 'bert',
  hiddenSize: 4,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  maxPositionEmbeddings: 16,
  padTokenId: 0,
  classifier: { output: 'classifier', readout: 'pooler' },
  defaultReadout: 'mean',
  sites: [
    { kind: 'embeddings', path: 'embeddings', size: 4 },
    ...layer(0),
    ...layer(1),
    { kind: 'linear', path: 'pooler.dense', inputSize: 4, outputSize: 4 },
    { kind: 'readout', path: 'readout', size: 4, readouts: ['cls', 'pooler', 'mean'] },
  ],
  fingerprint: 'f'.repeat(64),
  name: 'toy-bert',
};

/** The toy as saving and loading want it: no codec of a toy asks for its weights. */
export const toyTensors = (spec: HostSpec = toyHost): HostTensors => ({
  spec,
  weight: (path) => {
    throw new Error(`the toy has no tensor ${path}`);
  },
});
