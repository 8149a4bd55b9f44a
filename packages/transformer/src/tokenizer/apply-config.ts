import type { JsonObject } from '@tfjs-peft/peft-core/files';
import type { TokenizerPart } from './part-schema.js';
import type { TokenizerJson } from './read-tokenizer-json.js';

/** Entries of tokenizer_config.json by those of a BertNormalizer that they win over. */
const ofBert = {
  lowercase: 'do_lower_case',
  strip_accents: 'strip_accents',
  handle_chinese_chars: 'tokenize_chinese_chars',
} as const;

/** The classes of HF transformers that take tokenizer.json as it is. */
const plainClasses: readonly unknown[] = ['PreTrainedTokenizerFast', 'TokenizersBackend'];

/**
 * A tokenizer as HF transformers builds it: where tokenizer_config.json says something else than tokenizer.json about case, accents, Chinese
 * characters (classes of BERT) or the space before the first word (classes of RoBERTa), tokenizer_config.json wins.
 */
export function applyConfig(json: TokenizerJson, config: JsonObject): TokenizerJson {
  if (plainClasses.includes(config.tokenizer_class)) return json;
  const { normalizer, preTokenizer } = json;
  return {
    ...json,
    normalizer: normalizer?.type === 'BertNormalizer' ? withSettings(normalizer, config) : normalizer,
    preTokenizer:
      preTokenizer?.type === 'ByteLevel' && typeof config.add_prefix_space === 'boolean'
        ? { ...preTokenizer, add_prefix_space: config.add_prefix_space }
        : preTokenizer,
  };
}

function withSettings(normalizer: TokenizerPart, config: JsonObject): TokenizerPart {
  const said = Object.entries(ofBert).flatMap(([entry, key]) => {
    const { [key]: value } = config;
    const isSaid = typeof value === 'boolean' || (value === null && key === 'strip_accents');
    return isSaid ? [[entry, value] as const] : [];
  });
  return { ...normalizer, ...Object.fromEntries(said) };
}
