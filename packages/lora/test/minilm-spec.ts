import type { HostSpec, Site } from '@tfjs-peft/peft-core';

/** The places of all-MiniLM-L6-v2 (6 layers, 384, feed-forward 1536, 30,522 words) without its weights. */
export const minilmSpec: HostSpec = {
  name: 'minilm',
  modelType: 'bert',
  baseModelPrefix: 'bert',
  hiddenSize: 384,
  numHiddenLayers: 6,
  numAttentionHeads: 12,
  maxPositionEmbeddings: 512,
  padTokenId: 0,
  defaultReadout: 'mean',
  fingerprint: 'none',
  classifier: { output: 'classifier', readout: 'pooler' },
  sites: [
    { kind: 'table', path: 'embeddings.word_embeddings', rows: 30_522, size: 384 },
    { kind: 'norm', path: 'embeddings.LayerNorm', size: 384 },
    ...Array.from({ length: 6 }, (_, layer) => layer).flatMap((layer): Site[] => {
      const at = (end: string) => `encoder.layer.${layer}.${end}`;
      const linear = (end: string, role: 'query' | 'key' | 'value' | 'attentionOutput', outputSize = 384): Site => ({
        kind: 'linear',
        path: at(end),
        role,
        layer,
        inputSize: 384,
        outputSize,
      });
      return [
        linear('attention.self.query', 'query'),
        linear('attention.self.key', 'key'),
        linear('attention.self.value', 'value'),
        linear('attention.output.dense', 'attentionOutput'),
        { kind: 'norm', path: at('attention.output.LayerNorm'), layer, size: 384 },
        {
          kind: 'linear',
          path: at('intermediate.dense'),
          role: 'feedForwardIn',
          layer,
          inputSize: 384,
          outputSize: 1536,
        },
        { kind: 'linear', path: at('output.dense'), role: 'feedForwardOut', layer, inputSize: 1536, outputSize: 384 },
        { kind: 'norm', path: at('output.LayerNorm'), layer, size: 384 },
      ];
    }),
    { kind: 'linear', path: 'pooler.dense', role: 'pooler', inputSize: 384, outputSize: 384 },
  ],
};
