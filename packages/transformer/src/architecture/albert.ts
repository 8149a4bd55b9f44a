import * as z from 'zod';
import { bertConfig } from './bert.js';
import { narrowEmbeddings } from './electra.js';
import type { Family } from './family.js';
import { countFromZero } from './position-rules.js';

const count = z.int().min(1).optional();

/**
 * ALBERT (Lan et al. 2020, arXiv 1909.11942): narrow embeddings (section 3.1) and layers that share weights. A site is a module: what acts at one acts
 * each time the pass runs it, as in HF peft, so that a host of twelve layers and one group has the sites of one layer.
 */
export const albert: Family = {
  name: 'ALBERT',
  className: 'Albert',
  baseModelPrefix: 'albert',
  config: {
    ...bertConfig,
    vocabSize: { key: 'vocab_size', default: 30000 },
    hiddenSize: { key: 'hidden_size', default: 4096 },
    numAttentionHeads: { key: 'num_attention_heads', default: 64 },
    intermediateSize: { key: 'intermediate_size', default: 16384 },
    hiddenActivation: { key: 'hidden_act', default: 'gelu_new' },
    hiddenDropout: { key: 'hidden_dropout_prob', default: 0 },
    attentionDropout: { key: 'attention_probs_dropout_prob', default: 0 },
  },
  options: {
    keys: { ...narrowEmbeddings.keys, num_hidden_groups: count, inner_group_num: count },
    read: (entries, config) => ({
      ...narrowEmbeddings.read(entries, config),
      sharedLayers: {
        groups: (entries['num_hidden_groups'] as number | undefined) ?? 1,
        inner: (entries['inner_group_num'] as number | undefined) ?? 1,
      },
    }),
    usual: { ...narrowEmbeddings.usual, num_hidden_groups: 1, inner_group_num: 1 },
  },
  modules: {
    embeddings: {
      path: 'embeddings',
      words: 'word_embeddings',
      positions: 'position_embeddings',
      tokenTypes: 'token_type_embeddings',
      norm: 'LayerNorm',
      projection: { path: 'encoder.embedding_hidden_mapping_in', always: true },
    },
    layers: {
      path: (group, inner = 0) => `encoder.albert_layer_groups.${group}.albert_layers.${inner}`,
      attention: 'attention',
      linears: {
        query: 'attention.query',
        key: 'attention.key',
        value: 'attention.value',
        attentionOutput: 'attention.dense',
        feedForwardIn: 'ffn',
        feedForwardOut: 'ffn_output',
      },
      sublayers: {
        attention: { path: 'attention', norm: 'attention.LayerNorm', dropout: true },
        feedForward: { path: '', norm: 'full_layer_layer_norm', dropout: false },
      },
    },
    pooler: 'pooler',
  },
  positions: countFromZero,
  classifier: { output: 'classifier', readout: 'pooler' },
  python: { takesPastKeyValues: false },
  mlmHead: {
    dense: 'predictions.dense',
    norm: 'predictions.LayerNorm',
    decoder: 'predictions.decoder',
    biases: ['predictions.bias', 'predictions.decoder.bias'],
    activation: 'hidden',
  },
  headPrefixes: ['predictions.', 'sop_classifier.', 'classifier.', 'qa_outputs.'],
};
