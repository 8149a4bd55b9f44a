import * as z from 'zod';
import { bertConfig, bertModules } from './bert.js';
import type { Family, OptionReader } from './family.js';
import { countFromZero } from './position-rules.js';

/** Embedding tables narrower than the hidden states: HF's `embedding_size`, 128 where the key is absent. */
export const narrowEmbeddings: OptionReader = {
  keys: { embedding_size: z.int().min(1).optional() },
  read: ({ embedding_size: size = 128 }) => ({ embeddingSize: size as number }),
  usual: { embedding_size: 12 },
};

/**
 * ELECTRA (Clark et al. 2020, arXiv 2003.10555), the discriminator or the generator: BERT with narrow embeddings, without a pooler, and a
 * classifier with a dense layer and GELU on the first token.
 */
export const electra: Family = {
  name: 'ELECTRA',
  className: 'Electra',
  baseModelPrefix: 'electra',
  config: {
    ...bertConfig,
    hiddenSize: { key: 'hidden_size', default: 256 },
    numAttentionHeads: { key: 'num_attention_heads', default: 4 },
    intermediateSize: { key: 'intermediate_size', default: 1024 },
  },
  options: narrowEmbeddings,
  modules: {
    embeddings: { ...bertModules.embeddings, projection: { path: 'embeddings_project', always: false } },
    layers: bertModules.layers,
  },
  positions: countFromZero,
  classifier: {
    hidden: { path: 'classifier.dense', activation: 'gelu' },
    output: 'classifier.out_proj',
    readout: 'cls',
  },
  mlmHead: {
    dense: 'generator_predictions.dense',
    norm: 'generator_predictions.LayerNorm',
    decoder: 'generator_lm_head',
    biases: ['generator_lm_head.bias'],
    activation: 'gelu',
  },
  headPrefixes: [
    'discriminator_predictions.',
    'generator_predictions.',
    'generator_lm_head.',
    'classifier.',
    'qa_outputs.',
    'sequence_summary.',
  ],
};
