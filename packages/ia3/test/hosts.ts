import type { HostSpec, LinearRole, Site } from '@tfjs-peft/peft-core';

const bertNames: readonly (readonly [LinearRole, string])[] = [
  ['query', 'attention.self.query'],
  ['key', 'attention.self.key'],
  ['value', 'attention.self.value'],
  ['attentionOutput', 'attention.output.dense'],
  ['feedForwardIn', 'intermediate.dense'],
  ['feedForwardOut', 'output.dense'],
];

/** The affine maps of a BERT that is nothing but its description. */
export function describedBert(layers: number, hidden: number): HostSpec {
  const linear = (layer: number, [role, name]: (typeof bertNames)[number]): Site => ({
    kind: 'linear',
    path: `encoder.layer.${layer}.${name}`,
    role,
    layer,
    inputSize: role === 'feedForwardOut' ? 4 * hidden : hidden,
    outputSize: role === 'feedForwardIn' ? 4 * hidden : hidden,
  });
  return {
    name: `${layers}x${hidden}`,
    modelType: 'bert',
    baseModelPrefix: 'bert',
    hiddenSize: hidden,
    numHiddenLayers: layers,
    numAttentionHeads: 4,
    maxPositionEmbeddings: 64,
    padTokenId: 0,
    defaultReadout: 'mean',
    fingerprint: 'none',
    classifier: { output: 'classifier', readout: 'pooler' },
    python: { usualGates: { targets: ['key', 'value', 'output.dense'], feedForward: ['output.dense'] } },
    sites: Array.from({ length: layers }, (_, layer) => bertNames.map((name) => linear(layer, name))).flat(),
  };
}
