import { bertConfig } from './bert.js';
import type { Family } from './family.js';
import { countText } from './position-rules.js';

/**
 * MPNet (Song et al. 2020, arXiv 2004.09297): BERT's layers under other names, RoBERTa's positions, and biases of attention scores by distance,
 * one table for all layers. No token types; HF's classifier is RoBERTa's.
 */
export const mpnet: Family = {
  name: 'MPNet',
  className: 'MPNet',
  baseModelPrefix: 'mpnet',
  config: {
    ...bertConfig,
    vocabSize: { key: 'vocab_size', default: 30527 },
    typeVocabSize: { fixed: 0 },
    layerNormEpsilon: { key: 'layer_norm_eps', default: 1e-12, usual: 1e-5 },
    padTokenId: { key: 'pad_token_id', default: 1 },
  },
  // HF computes with 32 buckets and counts positions from 2, whatever config.json says.
  only: {
    relative_attention_num_buckets: { absent: 32, allowed: [32] },
    pad_token_id: { absent: 1, allowed: [1] },
  },
  options: { keys: {}, read: () => ({ distanceBuckets: 32 }), usual: {} },
  modules: {
    embeddings: { path: 'embeddings', words: 'word_embeddings', positions: 'position_embeddings', norm: 'LayerNorm' },
    distanceBias: 'encoder.relative_attention_bias',
    layers: {
      path: (layer) => `encoder.layer.${layer}`,
      attention: 'attention.attn',
      linears: {
        query: 'attention.attn.q',
        key: 'attention.attn.k',
        value: 'attention.attn.v',
        attentionOutput: 'attention.attn.o',
        feedForwardIn: 'intermediate.dense',
        feedForwardOut: 'output.dense',
      },
      sublayers: {
        attention: { path: 'attention.attn', norm: 'attention.LayerNorm', dropout: true },
        feedForward: { path: 'output', norm: 'output.LayerNorm', dropout: true },
      },
    },
    pooler: 'pooler.dense',
  },
  positions: countText,
  classifier: {
    hidden: { path: 'classifier.dense', activation: 'tanh' },
    output: 'classifier.out_proj',
    readout: 'cls',
  },
  python: { positionsSkipPadding: true, takesPastKeyValues: false },
  mlmHead: {
    dense: 'lm_head.dense',
    norm: 'lm_head.layer_norm',
    decoder: 'lm_head.decoder',
    biases: ['lm_head.bias', 'lm_head.decoder.bias'],
    activation: 'gelu',
  },
  headPrefixes: ['lm_head.', 'classifier.', 'qa_outputs.'],
};
