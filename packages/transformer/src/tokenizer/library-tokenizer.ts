// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- packages that compile our sources see the declarations only this way
/// <reference path="./xenova-tokenizers.d.ts" />
import { type Json, type JsonObject, PeftError } from '@tfjs-peft/peft-core';
import { type BertNormalizerConfig, normalizeBertText } from './normalize-bert-text.js';
import { createUnigramSegmenter, type UnigramVocabulary } from './segment-unigram.js';

/** The part of a tokenizer that a library does for us: texts to ids without special tokens, and back. */
export interface LibraryTokenizer {
  toIds(text: string): number[];
  toText(ids: readonly number[], keepSpecialTokens: boolean): string;
  readonly vocabSize: number;
}

/**
 * The only file that knows `@xenova/transformers`. It is built from parsed files, so the library reads and downloads nothing and none
 * of its settings are touched. Errors: `TOKENIZER_LIBRARY_UNAVAILABLE`, `TOKENIZER_UNSUPPORTED`.
 */
export async function createLibraryTokenizer(tokenizerJson: JsonObject): Promise<LibraryTokenizer> {
  const { PreTrainedTokenizer } = await import('@xenova/transformers/src/tokenizers.js').catch((cause: unknown) => {
    throw new PeftError('TOKENIZER_LIBRARY_UNAVAILABLE', {
      found: `@xenova/transformers could not be loaded (${String(cause)})`,
      expected: 'the package with its dependency onnxruntime-node, which it loads and which we do not use',
      fix: 'install again with optional dependencies (npm install --include=optional)',
      cause,
    });
  });
  try {
    // The empty configuration keeps the library from acting on settings that are ours to apply.
    const tokenizer = new PreTrainedTokenizer(inOlderForm(tokenizerJson), {});
    const normalizer = tokenizerJson.normalizer as JsonObject | null | undefined;
    if (normalizer?.type === 'BertNormalizer')
      tokenizer.normalizer = (text) => normalizeBertText(text, normalizer as BertNormalizerConfig);
    const unigram = unigramVocabulary(tokenizerJson.model as JsonObject);
    // The library looks pieces up by UTF-16 units and so never finds one with a character beyond the basic plane, an emoji for example.
    if (unigram) tokenizer.model.tokenize = createUnigramSegmenter(unigram);
    return {
      toIds: (text) => tokenizer.model.convert_tokens_to_ids(tokenizer._encode_text(text)),
      toText: (ids, keepSpecialTokens) =>
        ids.length === 0 ? '' : tokenizer.decode(ids, { skip_special_tokens: !keepSpecialTokens }),
      vocabSize: tokenizer.model.vocab.length,
    };
  } catch (cause) {
    throw new PeftError('TOKENIZER_UNSUPPORTED', {
      found: `tokenizer.json cannot be used (${String(cause)})`,
      expected: 'a WordPiece, byte-level BPE or Unigram tokenizer as HF tokenizers writes it',
      fix: 'check that the file is complete; if it is, its tokenizer is of a kind that is not supported',
      cause,
    });
  }
}

function unigramVocabulary({ type, vocab }: JsonObject): UnigramVocabulary | undefined {
  if (type !== 'Unigram') return undefined;
  const pieces = vocab as unknown as readonly (readonly [string, number])[];
  return { ids: new Map(pieces.map(([piece], id) => [piece, id])), scores: pieces.map(([, score]) => score) };
}

/**
 * Files written since 2024 hold BPE merges as pairs, `["a", "b"]`, and say `prepend_scheme` where `add_prefix_space` was; the library knows only the
 * older forms.
 */
function inOlderForm(tokenizerJson: JsonObject): JsonObject {
  const model = tokenizerJson.model as JsonObject;
  const merges = model.merges as readonly (string | readonly [string, string])[] | undefined;
  return {
    ...tokenizerJson,
    ...(tokenizerJson.pre_tokenizer != null && { pre_tokenizer: withPrefixSpace(tokenizerJson.pre_tokenizer) }),
    ...(tokenizerJson.decoder != null && { decoder: withPrefixSpace(tokenizerJson.decoder) }),
    added_tokens: tokenizerJson.added_tokens ?? [],
    model: {
      ...model,
      ...(merges && { merges: merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))) }),
    },
  };
}

/** A Metaspace, alone or in a sequence, with the older key beside the newer one. */
function withPrefixSpace(part: Json): Json {
  const described = part as JsonObject;
  const parts = described.type === 'Sequence' ? (['pretokenizers', 'decoders'] as const) : [];
  const inner = parts.flatMap((key) =>
    Array.isArray(described[key]) ? [[key, described[key].map(withPrefixSpace)] as const] : [],
  );
  const isNewer = described.type === 'Metaspace' && described.add_prefix_space === undefined;
  return {
    ...described,
    ...Object.fromEntries(inner),
    ...(isNewer && { add_prefix_space: described.prepend_scheme !== 'never' }),
  };
}
