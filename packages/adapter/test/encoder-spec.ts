import type { HostSpec, Site } from '@tfjs-peft/peft-core';

const layer = (index: number, size: number): Site[] => {
  const path = `encoder.layer.${index}`;
  return [
    { kind: 'sublayer', path: `${path}.attention.output`, layer: index, place: 'attention', size },
    { kind: 'sublayer', path: `${path}.output`, layer: index, place: 'feedForward', size },
  ];
};

/** A BERT as far as adapters look at it. */
export const encoderSpec = (hiddenSize: number, numHiddenLayers: number): HostSpec => ({
  name: 'encoder',
  modelType: 'bert',
  baseModelPrefix: 'bert',
  classifier: { output: 'classifier', readout: 'pooler' },
  hiddenSize,
  numHiddenLayers,
  numAttentionHeads: 1,
  maxPositionEmbeddings: 512,
  padTokenId: 0,
  defaultReadout: 'mean',
  sites: Array.from({ length: numHiddenLayers }, (_, index) => layer(index, hiddenSize)).flat(),
  fingerprint: 'encoder',
});

/** The sizes of all-MiniLM-L6-v2. */
export const minilmSpec = encoderSpec(384, 6);
