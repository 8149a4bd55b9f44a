import type { Family } from './family.js';
import { countFromZero } from './position-rules.js';

/**
 * DistilBERT (Sanh et al. 2019, arXiv 1910.01108): BERT's computation under other names, without token types and pooler, and without dropout
 * after attention's output map. Attention's module holds that map too, so it is both the attention site and the sublayer.
 */
export const distilbert: Family = {
  name: 'DistilBERT',
  className: 'DistilBert',
  baseModelPrefix: 'distilbert',
  config: {
    vocabSize: { key: 'vocab_size', default: 30522 },
    hiddenSize: { key: 'dim', default: 768 },
    numHiddenLayers: { key: 'n_layers', default: 6 },
    numAttentionHeads: { key: 'n_heads', default: 12 },
    intermediateSize: { key: 'hidden_dim', default: 3072 },
    hiddenActivation: { key: 'activation', default: 'gelu' },
    hiddenDropout: { key: 'dropout', default: 0.1 },
    attentionDropout: { key: 'attention_dropout', default: 0.1 },
    maxPositionEmbeddings: { key: 'max_position_embeddings', default: 512 },
    typeVocabSize: { fixed: 0 },
    layerNormEpsilon: { fixed: 1e-12 },
    padTokenId: { key: 'pad_token_id', default: 0 },
  },
  modules: {
    embeddings: {
      path: 'embeddings',
      words: 'word_embeddings',
      positions: 'position_embeddings',
      norm: 'LayerNorm',
    },
    layers: {
      path: (layer) => `transformer.layer.${layer}`,
      attention: 'attention',
      linears: {
        query: 'attention.q_lin',
        key: 'attention.k_lin',
        value: 'attention.v_lin',
        attentionOutput: 'attention.out_lin',
        feedForwardIn: 'ffn.lin1',
        feedForwardOut: 'ffn.lin2',
      },
      sublayers: {
        attention: { path: 'attention', norm: 'sa_layer_norm', dropout: false },
        feedForward: { path: 'ffn', norm: 'output_layer_norm', dropout: true },
      },
    },
  },
  positions: countFromZero,
  classifier: { hidden: { path: 'pre_classifier', activation: 'relu' }, output: 'classifier', readout: 'cls' },
  python: {
    takesPastKeyValues: false,
    bottleneckModules: { attention: 'attention_adapters', feedForward: 'output_adapters' },
  },
  mlmHead: {
    dense: 'vocab_transform',
    norm: 'vocab_layer_norm',
    decoder: 'vocab_projector',
    biases: ['vocab_projector.bias'],
    activation: 'hidden',
  },
  headPrefixes: [
    'vocab_transform.',
    'vocab_layer_norm.',
    'vocab_projector.',
    'pre_classifier.',
    'classifier.',
    'qa_outputs.',
  ],
};
