import { bertConfig, bertGates, bertModules } from './bert.js';
import type { Family } from './family.js';
import { countText } from './position-rules.js';

/**
 * RoBERTa (Liu et al. 2019, arXiv 1907.11692) and XLM-RoBERTa: BERT's modules with positions counted over text alone, one token type and
 * a classifier with a dense layer on the first token. The pooler of published checkpoints is untrained and no usual readout.
 */
export const roberta: Family = {
  name: 'RoBERTa',
  className: 'Roberta',
  baseModelPrefix: 'roberta',
  config: {
    ...bertConfig,
    vocabSize: { key: 'vocab_size', default: 50265 },
    typeVocabSize: { key: 'type_vocab_size', default: 2, usual: 1 },
    layerNormEpsilon: { key: 'layer_norm_eps', default: 1e-12, usual: 1e-5 },
    padTokenId: { key: 'pad_token_id', default: 1 },
  },
  modules: bertModules,
  positions: countText,
  classifier: {
    hidden: { path: 'classifier.dense', activation: 'tanh' },
    output: 'classifier.out_proj',
    readout: 'cls',
  },
  python: { positionsSkipPadding: true, usualGates: bertGates },
  mlmHead: {
    dense: 'lm_head.dense',
    norm: 'lm_head.layer_norm',
    decoder: 'lm_head.decoder',
    biases: ['lm_head.bias', 'lm_head.decoder.bias'],
    activation: 'gelu',
  },
  headPrefixes: ['lm_head.', 'classifier.', 'qa_outputs.', 'score.'],
};

export const xlmRoberta: Family = {
  ...roberta,
  name: 'XLM-RoBERTa',
  python: { positionsSkipPadding: true },
  className: 'XLMRoberta',
  config: { ...roberta.config, vocabSize: { key: 'vocab_size', default: 30522 } },
};

/** CamemBERT (Martin et al. 2020, arXiv 1911.03894): RoBERTa for French, with a SentencePiece tokenizer. HF keeps it under the name `roberta`. */
export const camembert: Family = {
  ...roberta,
  name: 'CamemBERT',
  className: 'Camembert',
  python: { positionsSkipPadding: true },
  config: { ...roberta.config, vocabSize: { key: 'vocab_size', default: 30522 } },
};
