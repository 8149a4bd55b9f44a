import type { HostSpec } from '@tfjs-peft/peft-core';

/** A BERT of two layers and eight numbers a token that is nothing but its description. For tests. */
export const describedHost: HostSpec = {
  name: 'described',
  modelType: 'bert',
  baseModelPrefix: 'bert',
  hiddenSize: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  maxPositionEmbeddings: 64,
  padTokenId: 0,
  defaultReadout: 'mean',
  fingerprint: 'described',
  classifier: { output: 'classifier', readout: 'pooler' },
  sites: [
    { kind: 'table', path: 'embeddings.position_embeddings', rows: 64, size: 8 },
    { kind: 'table', path: 'embeddings.word_embeddings', rows: 12, size: 8 },
    { kind: 'embeddings', path: 'embeddings', size: 8 },
  ],
};
