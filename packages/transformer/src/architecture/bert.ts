import type { ConfigEntries, Family, FamilyModules } from './family.js';
import { countFromZero } from './position-rules.js';

/** Keys of config.json that BERT and its relatives share, with the defaults of HF's BertConfig. */
export const bertConfig = {
  vocabSize: { key: 'vocab_size', default: 30522 },
  hiddenSize: { key: 'hidden_size', default: 768 },
  numHiddenLayers: { key: 'num_hidden_layers', default: 12 },
  numAttentionHeads: { key: 'num_attention_heads', default: 12 },
  intermediateSize: { key: 'intermediate_size', default: 3072 },
  hiddenActivation: { key: 'hidden_act', default: 'gelu' },
  hiddenDropout: { key: 'hidden_dropout_prob', default: 0.1 },
  attentionDropout: { key: 'attention_probs_dropout_prob', default: 0.1 },
  maxPositionEmbeddings: { key: 'max_position_embeddings', default: 512 },
  typeVocabSize: { key: 'type_vocab_size', default: 2 },
  layerNormEpsilon: { key: 'layer_norm_eps', default: 1e-12 },
  padTokenId: { key: 'pad_token_id', default: 0 },
} satisfies ConfigEntries;

/** Modules of BERT, whose names RoBERTa kept. */
export const bertModules: FamilyModules = {
  embeddings: {
    path: 'embeddings',
    words: 'word_embeddings',
    positions: 'position_embeddings',
    tokenTypes: 'token_type_embeddings',
    norm: 'LayerNorm',
  },
  layers: {
    path: (layer) => `encoder.layer.${layer}`,
    attention: 'attention.self',
    linears: {
      query: 'attention.self.query',
      key: 'attention.self.key',
      value: 'attention.self.value',
      attentionOutput: 'attention.output.dense',
      feedForwardIn: 'intermediate.dense',
      feedForwardOut: 'output.dense',
    },
    sublayers: {
      attention: { path: 'attention.output', norm: 'attention.output.LayerNorm', dropout: true },
      feedForward: { path: 'output', norm: 'output.LayerNorm', dropout: true },
    },
  },
  pooler: 'pooler.dense',
};

/** `TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING` and its twin for the feed-forward network in HF peft 0.21. */
export const bertGates = { targets: ['key', 'value', 'output.dense'], feedForward: ['output.dense'] };

/** Devlin et al. 2019, arXiv 1810.04805. */
export const bert: Family = {
  name: 'BERT',
  className: 'Bert',
  baseModelPrefix: 'bert',
  config: bertConfig,
  modules: bertModules,
  positions: countFromZero,
  classifier: { output: 'classifier', readout: 'pooler' },
  python: { usualGates: bertGates },
  mlmHead: {
    dense: 'cls.predictions.transform.dense',
    norm: 'cls.predictions.transform.LayerNorm',
    decoder: 'cls.predictions.decoder',
    biases: ['cls.predictions.bias', 'cls.predictions.decoder.bias'],
    activation: 'hidden',
  },
  headPrefixes: ['cls.', 'classifier.', 'qa_outputs.', 'score.', 'lm_head.'],
};
