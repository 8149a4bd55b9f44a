import type { DecoderFamily } from './family.js';

/** GPT-2 (Radford et al. 2019): weights as `[input, output]`, one map for queries, keys and values, learned positions. */
export const gpt2: DecoderFamily = {
  name: 'GPT-2',
  className: 'GPT2',
  languageModelClass: 'LMHeadModel',
  baseModelPrefix: 'transformer',
  python: {
    storesInputFirst: true,
    usualGates: { targets: ['c_attn', 'mlp.c_proj'], feedForward: ['mlp.c_proj'] },
  },
  config: {
    vocabSize: { key: 'vocab_size', default: 50257 },
    hiddenSize: { key: 'n_embd', default: 768 },
    numHiddenLayers: { key: 'n_layer', default: 12 },
    numAttentionHeads: { key: 'n_head', default: 12 },
    intermediateSize: { key: 'n_inner', default: null },
    hiddenActivation: { key: 'activation_function', default: 'gelu_new' },
    maxPositionEmbeddings: { key: 'n_positions', default: 1024 },
    layerNormEpsilon: { key: 'layer_norm_epsilon', default: 1e-5 },
    tiedEmbeddings: { key: 'tie_word_embeddings', default: true },
  },
  rest: (json, { hiddenSize, numAttentionHeads }) => ({
    numKeyValueHeads: numAttentionHeads,
    headSize: hiddenSize / numAttentionHeads,
    embeddingDropout: json['embd_pdrop'] ?? 0.1,
    hiddenDropout: json['resid_pdrop'] ?? 0.1,
    attentionDropout: json['attn_pdrop'] ?? 0.1,
    rotaryBase: null,
    biases: { projections: true, attentionOutput: true, feedForward: true },
    headNorms: false,
    norm: 'layer',
    padTokenId: json['pad_token_id'] ?? [json['eos_token_id'] ?? 50256].flat()[0],
  }),
  requiredValues: [
    { key: 'scale_attn_weights', allowed: [true], meaning: 'attention that is not scaled' },
    {
      key: 'scale_attn_by_inverse_layer_idx',
      allowed: [false],
      meaning: 'attention scaled by the number of the layer',
    },
    { key: 'add_cross_attention', allowed: [false], meaning: 'cross attention' },
  ],
  modules: {
    words: 'wte',
    positions: 'wpe',
    layers: {
      path: 'h',
      attention: 'attn',
      feedForward: 'mlp',
      norms: { attention: 'ln_1', feedForward: 'ln_2' },
      linears: {
        queryKeyValue: 'attn.c_attn',
        attentionOutput: 'attn.c_proj',
        feedForwardIn: 'mlp.c_fc',
        feedForwardOut: 'mlp.c_proj',
      },
      headNorms: { query: '', key: '' },
    },
    finalNorm: 'ln_f',
  },
  inputFirst: true,
  buffers: /^h\.\d+\.attn\.(bias|masked_bias)$/,
};
