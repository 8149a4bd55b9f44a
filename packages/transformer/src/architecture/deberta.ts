import { PeftError } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import { bertConfig, bertModules } from './bert.js';
import type { EncoderConfig, EncoderOptions, Family } from './family.js';
import { countFromZero } from './position-rules.js';

const count = z.int().nullish();
const keys = {
  max_relative_positions: count,
  position_buckets: count,
  position_biased_input: z.boolean().nullish(),
  share_att_key: z.boolean().nullish(),
  pos_att_type: z.union([z.string(), z.array(z.string())]).nullish(),
  norm_rel_ebd: z.string().nullish(),
  embedding_size: count,
  pooler_hidden_size: count,
};

/** Words separated by bars, or a list, as HF writes them. */
const wordsOf = (value: unknown): string[] =>
  (typeof value === 'string' ? value.split('|') : ((value ?? []) as string[])).map((word) => word.trim().toLowerCase());

function read(entries: JsonObject, config: EncoderConfig): EncoderOptions {
  for (const key of ['embedding_size', 'pooler_hidden_size']) requireHiddenSize(entries, key, config);
  const { position_buckets: buckets, max_relative_positions: given, share_att_key: shares } = entries;
  const farthest = typeof given === 'number' && given >= 1 ? given : config.maxPositionEmbeddings;
  const bucketed = typeof buckets === 'number' && buckets > 0;
  const types = wordsOf(entries['pos_att_type']);
  return {
    disentangled: {
      span: bucketed ? buckets : farthest,
      ...(bucketed && { farthest }),
      parts: (['c2p', 'p2c'] as const).filter((part) => types.includes(part)),
      sharesMaps: shares === true,
      norm: wordsOf(entries['norm_rel_ebd'] ?? 'none').includes('layer_norm'),
    },
    ...(entries['position_biased_input'] === false && { absolutePositions: false as const }),
  };
}

/** Errors: `HOST_UNSUPPORTED`. */
function requireHiddenSize(entries: JsonObject, key: string, { hiddenSize }: EncoderConfig): void {
  const { [key]: size } = entries;
  if (size == null || size === hiddenSize) return;
  throw new PeftError('HOST_UNSUPPORTED', {
    found: `a DeBERTa with ${key} ${JSON.stringify(size)} and hidden_size ${hiddenSize}`,
    expected: 'one size for both',
    fix: 'take another model of this architecture',
  });
}

/**
 * DeBERTa-v2 and v3: BERT's layers with disentangled attention. The dense layer that HF calls the context pooler belongs to its classifier: it
 * stands beside the encoder, and reads the first token.
 */
export const debertaV2: Family = {
  name: 'DeBERTa-v2',
  className: 'DebertaV2',
  baseModelPrefix: 'deberta',
  config: {
    ...bertConfig,
    vocabSize: { key: 'vocab_size', default: 128100 },
    hiddenSize: { key: 'hidden_size', default: 1536 },
    numHiddenLayers: { key: 'num_hidden_layers', default: 24 },
    numAttentionHeads: { key: 'num_attention_heads', default: 24 },
    intermediateSize: { key: 'intermediate_size', default: 6144 },
    typeVocabSize: { key: 'type_vocab_size', default: 0 },
    layerNormEpsilon: { key: 'layer_norm_eps', default: 1e-7 },
  },
  only: {
    relative_attention: { absent: false, allowed: [true] },
    conv_kernel_size: { absent: 0, allowed: [0] },
    pooler_hidden_act: { absent: 'gelu', allowed: ['gelu'] },
  },
  options: {
    keys,
    read,
    usual: {
      relative_attention: true,
      position_buckets: 4,
      norm_rel_ebd: 'layer_norm',
      share_att_key: true,
      pos_att_type: ['p2c', 'c2p'],
      position_biased_input: false,
    },
  },
  modules: {
    embeddings: bertModules.embeddings,
    distances: { table: 'encoder.rel_embeddings', norm: 'encoder.LayerNorm' },
    layers: {
      ...bertModules.layers,
      linears: {
        ...bertModules.layers.linears,
        query: 'attention.self.query_proj',
        key: 'attention.self.key_proj',
        value: 'attention.self.value_proj',
      },
      distanceMaps: { key: 'attention.self.pos_key_proj', query: 'attention.self.pos_query_proj' },
    },
  },
  positions: countFromZero,
  classifier: { hidden: { path: 'pooler.dense', activation: 'gelu' }, output: 'classifier', readout: 'cls' },
  python: {
    takesPastKeyValues: false,
    usualGates: { targets: ['key_proj', 'value_proj', 'output.dense'], feedForward: ['output.dense'] },
  },
  mlmHead: {
    dense: 'cls.predictions.transform.dense',
    norm: 'cls.predictions.transform.LayerNorm',
    decoder: 'cls.predictions.decoder',
    biases: ['cls.predictions.bias', 'cls.predictions.decoder.bias'],
    activation: 'hidden',
  },
  headPrefixes: ['cls.', 'lm_predictions.', 'mask_predictions.', 'pooler.', 'classifier.', 'qa_outputs.'],
};
