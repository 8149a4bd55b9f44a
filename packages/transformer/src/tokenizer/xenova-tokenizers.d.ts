/** The few members that we use. The deep path has no types of its own; the package's entry would load image code and sharp too. */
declare module '@xenova/transformers/src/tokenizers.js' {
  export class PreTrainedTokenizer {
    constructor(tokenizerJson: object, tokenizerConfig: object);
    normalizer: ((text: string) => string) | null;
    readonly model: {
      readonly vocab: readonly string[];
      convert_tokens_to_ids(tokens: readonly string[]): number[];
      /** Unigram models only. */
      tokenize?: (word: string) => string[];
    };
    _encode_text(text: string): string[];
    decode(ids: readonly number[], options: { skip_special_tokens: boolean }): string;
  }
}
