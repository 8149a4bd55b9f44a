/** The few members that we use. The deep path has no types of its own; the package's entry would load image code and sharp too. */
declare module '@xenova/transformers/src/tokenizers.js' {
  type Part = Readonly<Record<string, unknown>>;
  export class PreTrainedTokenizer {
    constructor(tokenizerJson: object, tokenizerConfig: object);
    readonly normalizer: (Part & ((text: string) => string)) | null;
    readonly pre_tokenizer: (Part & ((text: string, options: { section_index: number }) => string[])) | null;
    readonly decoder: Part | null;
    readonly model: {
      (words: readonly string[]): string[];
      readonly vocab: readonly string[];
      readonly tokens_to_ids: ReadonlyMap<string, number>;
      readonly unk_token_id: number | undefined;
      /** Unigram models only. */
      tokenize?: (word: string) => string[];
    };
    decode(ids: readonly number[], options: { skip_special_tokens: boolean }): string;
  }
}
