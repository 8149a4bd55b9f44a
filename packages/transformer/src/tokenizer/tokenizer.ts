import type { EncodedText } from '@tfjs-peft/peft-core';
import type { Json } from '@tfjs-peft/peft-core/files';

/** What turns texts into token ids. Pure: the same text always gives the same ids. */
export interface Tokenizer {
  /**
   * Token ids of one text or pair with the special tokens of the tokenizer's own template, cut to `maxTokens`. Of a pair the longer side
   * loses tokens first, as in HF's fast tokenizers. An empty text gives the special tokens alone.
   * Errors: `TEXT_NOT_STRING`, `MAX_TOKENS_TOO_SMALL`.
   */
  encode(text: string, options?: EncodeOptions): TokenizedText;
  /** Text of token ids, without special tokens unless asked for. Spaces around punctuation may differ from the original. */
  decode(ids: readonly number[], options?: { readonly keepSpecialTokens?: boolean }): string;
  /** Ids of the special tokens by their text, `[MASK]` for example. */
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly vocabSize: number;
  readonly padTokenId: number;
  /** Of all token types that texts and special tokens get. */
  readonly largestTypeId: number;
  /** SHA-256 over what decides the ids of texts: says whether two tokenizers are the same. */
  readonly digest: string;
  /** `model_max_length` of tokenizer_config.json; `Infinity` if it names none. */
  readonly modelMaxTokens: number;
}

/** A second text, and how long both may get. */
export interface EncodeOptions {
  /** The second text of a pair. */
  readonly pair?: string;
  /** Special tokens included; `Infinity` for no limit. If absent, `modelMaxTokens`. */
  readonly maxTokens?: number;
}

export interface TokenizedText extends EncodedText {
  /** How many tokens were cut off; callers warn if it is not 0. */
  readonly truncated: number;
}

/** The parsed files of a tokenizer. */
export interface TokenizerFiles {
  /** `tokenizer.json`. Its recorded truncation and padding are ignored. */
  readonly tokenizerJson: Json;
  /** `tokenizer_config.json`, if there is one. */
  readonly tokenizerConfig?: Json;
}
