// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- packages that compile our sources see the declarations only this way
/// <reference path="./xenova-tokenizers.d.ts" />
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { createSectioner, type Section } from './find-added-tokens.js';
import type { AddedToken, TokenizerPart } from './part-schema.js';
import { type LibraryPart, patchPart, withoutPatterns } from './patch-parts.js';
import type { TokenizerJson } from './read-tokenizer-json.js';
import { createUnigramSegmenter } from './segment-unigram.js';

/** The part of a tokenizer that a library does for us: texts to ids without special tokens, and back. */
export interface LibraryTokenizer {
  toIds(text: string): number[];
  toText(ids: readonly number[], keepSpecialTokens: boolean): string;
  readonly vocabSize: number;
}

/**
 * The only file that knows `@xenova/transformers`. It is built from checked files, so the library reads and downloads nothing and none
 * of its settings are touched. Errors: `TOKENIZER_LIBRARY_UNAVAILABLE`, `TOKENIZER_UNSUPPORTED`.
 */
export async function createLibraryTokenizer(json: TokenizerJson): Promise<LibraryTokenizer> {
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
    const tokenizer = new PreTrainedTokenizer(inOlderForm(json), {});
    const { normalizer, pre_tokenizer: preTokenizer, decoder, model } = tokenizer;
    patchPart(json.normalizer, normalizer as LibraryPart | null);
    patchPart(json.preTokenizer, preTokenizer as LibraryPart | null);
    patchPart(json.decoder, decoder as LibraryPart | null);
    const { pieces } = json.model;
    // The library looks pieces up by UTF-16 units and so never finds one with a character beyond the basic plane, an emoji for example.
    if (pieces)
      model.tokenize = createUnigramSegmenter({
        ids: new Map(pieces.map(([piece], id) => [piece, id])),
        scores: pieces.map(([, score]) => score),
      });
    const normalize = (text: string) => normalizer?.(text) ?? text;
    const literal = createSectioner(json.addedTokens.filter(isLiteral), ({ content }) => content);
    const normalized = createSectioner(
      json.addedTokens.filter((token) => !isLiteral(token)),
      ({ content }) => normalize(content),
    );
    const idsOf = ({ text, start, token }: Section, isFirst: boolean): number[] => {
      if (token) return [token.id];
      const words = preTokenizer?.(text, { section_index: isFirst && start === 0 ? 0 : 1 }) ?? [text];
      // Without an unknown token, what is unknown is left out.
      return model(words).flatMap((piece) => model.tokens_to_ids.get(piece) ?? model.unk_token_id ?? []);
    };
    return {
      toIds: (text) =>
        literal(text).flatMap((section) =>
          section.token
            ? [section.token.id]
            : normalized(normalize(section.text)).flatMap((part) => idsOf(part, section.start === 0)),
        ),
      toText: (ids, keepSpecialTokens) =>
        ids.length === 0 ? '' : tokenizer.decode(ids, { skip_special_tokens: !keepSpecialTokens }),
      vocabSize: model.vocab.length,
    };
  } catch (cause) {
    throw new PeftError('TOKENIZER_UNSUPPORTED', {
      found: `tokenizer.json cannot be used (${isPeftError(cause) ? cause.text.found : String(cause).slice(0, 200)})`,
      expected: 'a WordPiece, byte-level BPE or Unigram tokenizer as HF tokenizers writes it',
      fix: 'check that the file is complete; if it is, its tokenizer is of a kind that is not supported',
      cause,
    });
  }
}

/** Looked for in the text as it is, before it is normalised; special tokens are unless the file says otherwise. */
const isLiteral = ({ normalized, special }: AddedToken) => !(normalized ?? !special);

/** Merges as one text each, and `add_prefix_space` where newer files say `prepend_scheme`: the library knows only the older forms. */
const inOlderForm = ({ addedTokens, normalizer, preTokenizer, decoder, model }: TokenizerJson): object => ({
  added_tokens: addedTokens,
  normalizer: normalizer && withoutPatterns(normalizer),
  pre_tokenizer: preTokenizer && withPrefixSpace(withoutPatterns(preTokenizer)),
  post_processor: null,
  decoder: decoder && withPrefixSpace(withoutPatterns(decoder)),
  model: { ...model.json, ...(model.merges && { merges: model.merges }) },
});

/** A Metaspace, alone or in a sequence, with the older key beside the newer one. */
function withPrefixSpace(part: TokenizerPart): TokenizerPart {
  const lists = (['pretokenizers', 'decoders'] as const).flatMap((key) =>
    part[key] ? [[key, part[key].map(withPrefixSpace)] as const] : [],
  );
  const isNewer = part.type === 'Metaspace' && part.add_prefix_space == null;
  return {
    ...part,
    ...Object.fromEntries(lists),
    ...(isNewer && { add_prefix_space: part.prepend_scheme !== 'never' }),
  };
}
