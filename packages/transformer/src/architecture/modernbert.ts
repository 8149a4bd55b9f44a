import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import { bertConfig } from './bert.js';
import type { EncoderConfig, EncoderOptions, Family, RotaryLayer } from './family.js';
import { countFromZero } from './position-rules.js';

const layerKinds = ['full_attention', 'sliding_attention'] as const;
type LayerKind = (typeof layerKinds)[number];
const usualBase = { full_attention: 160_000, sliding_attention: 10_000 };
const olderKeys = { full_attention: 'global_rope_theta', sliding_attention: 'local_rope_theta' } as const;

const keys = {
  layer_types: z.array(z.enum(layerKinds)).nullish(),
  global_attn_every_n_layers: z.int().min(1).nullish(),
  local_attention: z.int().min(2).nullish(),
  global_rope_theta: z.number().positive().nullish(),
  local_rope_theta: z.number().positive().nullish(),
  rope_parameters: z.record(z.string(), z.unknown()).nullish(),
  classifier_pooling: z.enum(['cls', 'mean']).nullish(),
};

function read(entries: JsonObject, config: EncoderConfig): EncoderOptions {
  const kinds = kindsOfLayers(entries, config);
  const window = Math.floor(((entries['local_attention'] as number | null | undefined) ?? 128) / 2);
  const rotary = kinds.map((kind): RotaryLayer => ({
    base: baseOf(kind, entries),
    ...(kind === 'sliding_attention' && { window }),
  }));
  const pooling = entries['classifier_pooling'] as 'cls' | 'mean' | null | undefined;
  return { absolutePositions: false, rotary, classifierReadout: pooling ?? 'cls' };
}

function kindsOfLayers(entries: JsonObject, { numHiddenLayers: layers }: EncoderConfig): readonly LayerKind[] {
  const every = (entries['global_attn_every_n_layers'] as number | null | undefined) ?? 3;
  const named = entries['layer_types'] as readonly LayerKind[] | null | undefined;
  const kinds =
    named ??
    Array.from({ length: layers }, (_, layer): LayerKind =>
      layer % every === 0 ? 'full_attention' : 'sliding_attention',
    );
  if (kinds.length === layers) return kinds;
  throw new PeftError('HOST_CONFIG_INCONSISTENT', {
    found: `${kinds.length} layer_types and num_hidden_layers ${layers} in config.json`,
    expected: 'one for each layer',
    fix: 'get the file that belongs to the weights',
  });
}

/** The base of a layer's angles: `rope_parameters` of newer files, else the keys of older ones. Errors: `HOST_UNSUPPORTED`. */
function baseOf(kind: LayerKind, entries: JsonObject): number {
  const parameters: Json | undefined = isJsonObject(entries['rope_parameters'])
    ? entries['rope_parameters'][kind]
    : undefined;
  const { rope_type: type = 'default', rope_theta: theta } = isJsonObject(parameters) ? parameters : {};
  if (type !== 'default')
    throw new PeftError('HOST_UNSUPPORTED', {
      found: `a ModernBERT with rope_type ${JSON.stringify(type)}`,
      expected: '"default"',
      fix: 'take a model with plain rotary positions',
    });
  if (typeof theta === 'number') return theta;
  return (entries[olderKeys[kind]] as number | null | undefined) ?? usualBase[kind];
}

const plain = (absent: Json, ...others: readonly Json[]) => ({ absent, allowed: [absent, ...others] });

/**
 * ModernBERT (Warner et al. 2024, arXiv 2412.13663): rotary positions, windows of attention in two layers of three, GeGLU, LayerNorms before the
 * sublayers, no biases, one map for queries, keys and values. HF's classifier is a dense layer, GELU, LayerNorm and the labels.
 */
export const modernbert: Family = {
  name: 'ModernBERT',
  className: 'ModernBert',
  baseModelPrefix: 'model',
  config: {
    ...bertConfig,
    vocabSize: { key: 'vocab_size', default: 50368 },
    numHiddenLayers: { key: 'num_hidden_layers', default: 22 },
    intermediateSize: { key: 'intermediate_size', default: 1152 },
    hiddenActivation: { key: 'hidden_activation', default: 'gelu' },
    hiddenDropout: { fixed: 0 },
    attentionDropout: { key: 'attention_dropout', default: 0 },
    maxPositionEmbeddings: { key: 'max_position_embeddings', default: 8192 },
    typeVocabSize: { fixed: 0 },
    layerNormEpsilon: { key: 'norm_eps', default: 1e-5 },
    padTokenId: { key: 'pad_token_id', default: 50283, usual: 0 },
  },
  only: {
    norm_bias: plain(false),
    attention_bias: plain(false),
    mlp_bias: plain(false),
    classifier_bias: plain(false),
    classifier_activation: plain('gelu'),
    rope_scaling: plain(null),
  },
  options: { keys, read, usual: { global_attn_every_n_layers: 2, local_attention: 4 } },
  modules: {
    embeddings: { path: 'embeddings', words: 'tok_embeddings', positions: 'position_embeddings', norm: 'norm' },
    layers: {
      path: (layer) => `layers.${layer}`,
      attention: 'attn',
      linears: {
        queryKeyValue: 'attn.Wqkv',
        attentionOutput: 'attn.Wo',
        feedForwardIn: 'mlp.Wi',
        feedForwardOut: 'mlp.Wo',
      },
      sublayers: {
        attention: { path: 'attn', norm: 'attn_norm', dropout: true },
        feedForward: { path: 'mlp', norm: 'mlp_norm', dropout: false },
      },
      normFirst: true,
      gated: true,
    },
    finalNorm: 'final_norm',
    unbiased: true,
  },
  positions: countFromZero,
  classifier: {
    hidden: { path: 'head.dense', activation: 'gelu', norm: 'head.norm' },
    output: 'classifier',
    readout: 'cls',
  },
  python: { takesPastKeyValues: false },
  mlmHead: {
    dense: 'head.dense',
    norm: 'head.norm',
    decoder: 'decoder',
    biases: ['decoder.bias'],
    activation: 'gelu',
    unbiased: true,
  },
  headPrefixes: ['head.', 'decoder.', 'classifier.'],
};
