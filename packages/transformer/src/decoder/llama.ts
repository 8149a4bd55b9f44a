import type { DecoderFamily, RequiredValue } from './family.js';
import { rotaryBaseOf } from './rotary-base.js';

const full: readonly RequiredValue[] = [
  { key: 'pretraining_tp', allowed: [1], meaning: 'maps cut for tensor parallelism' },
  { key: 'partial_rotary_factor', allowed: [1], meaning: 'rotary positions of a part of each head' },
  { key: 'use_sliding_window', allowed: [false], meaning: 'a sliding window' },
  { key: 'num_experts', allowed: [0], meaning: 'a mixture of experts' },
  { key: 'num_local_experts', allowed: [0], meaning: 'a mixture of experts' },
];

const numberOr = (value: unknown, usual: number): unknown => value ?? usual;

/**
 * Llama (Touvron et al. 2023, arXiv 2302.13971), TinyLlama and SmolLM2 among them: RMSNorm, rotary positions, grouped heads of keys and values, a
 * gated feed-forward network, no biases.
 */
export const llama: DecoderFamily = {
  name: 'Llama',
  className: 'Llama',
  languageModelClass: 'ForCausalLM',
  baseModelPrefix: 'model',
  python: { usualGates: { targets: ['k_proj', 'v_proj', 'down_proj'], feedForward: ['down_proj'] } },
  config: {
    vocabSize: { key: 'vocab_size', default: 32000 },
    hiddenSize: { key: 'hidden_size', default: 4096 },
    numHiddenLayers: { key: 'num_hidden_layers', default: 32 },
    numAttentionHeads: { key: 'num_attention_heads', default: 32 },
    intermediateSize: { key: 'intermediate_size', default: 11008 },
    hiddenActivation: { key: 'hidden_act', default: 'silu' },
    maxPositionEmbeddings: { key: 'max_position_embeddings', default: 2048 },
    layerNormEpsilon: { key: 'rms_norm_eps', default: 1e-6 },
    tiedEmbeddings: { key: 'tie_word_embeddings', default: false },
  },
  rest: (json, { hiddenSize, numAttentionHeads }) => {
    const attention = json['attention_bias'] === true;
    return {
      numKeyValueHeads: json['num_key_value_heads'] ?? numAttentionHeads,
      headSize: json['head_dim'] ?? hiddenSize / numAttentionHeads,
      embeddingDropout: 0,
      hiddenDropout: 0,
      attentionDropout: numberOr(json['attention_dropout'], 0),
      rotaryBase: rotaryBaseOf(json),
      biases: { projections: attention, attentionOutput: attention, feedForward: json['mlp_bias'] === true },
      headNorms: false,
      norm: 'rms',
      padTokenId: json['pad_token_id'] ?? 0,
    };
  },
  requiredValues: full,
  modules: {
    words: 'embed_tokens',
    layers: {
      path: 'layers',
      attention: 'self_attn',
      feedForward: 'mlp',
      norms: { attention: 'input_layernorm', feedForward: 'post_attention_layernorm' },
      linears: {
        query: 'self_attn.q_proj',
        key: 'self_attn.k_proj',
        value: 'self_attn.v_proj',
        attentionOutput: 'self_attn.o_proj',
        feedForwardGate: 'mlp.gate_proj',
        feedForwardIn: 'mlp.up_proj',
        feedForwardOut: 'mlp.down_proj',
      },
      headNorms: { query: 'self_attn.q_norm', key: 'self_attn.k_norm' },
    },
    finalNorm: 'norm',
  },
  inputFirst: false,
  buffers: /(^|\.)rotary_emb\.inv_freq$/,
};

/** Qwen2 (Yang et al. 2024, arXiv 2407.10671): Llama with biases of queries, keys and values. */
export const qwen2: DecoderFamily = {
  ...llama,
  name: 'Qwen2',
  className: 'Qwen2',
  python: {},
  config: {
    ...llama.config,
    vocabSize: { key: 'vocab_size', default: 151936 },
    intermediateSize: { key: 'intermediate_size', default: 22016 },
    maxPositionEmbeddings: { key: 'max_position_embeddings', default: 32768 },
  },
  rest: (json, sizes) => ({
    ...llama.rest(json, sizes),
    numKeyValueHeads: numberOr(json['num_key_value_heads'], 32),
    biases: { projections: true, attentionOutput: false, feedForward: false },
  }),
};

/** Qwen3 (Yang et al. 2025, arXiv 2505.09388): Llama with norms of queries and keys head by head. */
export const qwen3: DecoderFamily = {
  ...qwen2,
  name: 'Qwen3',
  className: 'Qwen3',
  rest: (json, sizes) => {
    const attention = json['attention_bias'] === true;
    return {
      ...llama.rest(json, sizes),
      numKeyValueHeads: numberOr(json['num_key_value_heads'], 32),
      headSize: numberOr(json['head_dim'], 128),
      biases: { projections: attention, attentionOutput: attention, feedForward: false },
      headNorms: true,
    };
  },
};
