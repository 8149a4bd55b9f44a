import { type EncodedText, PeftError } from '@tfjs-peft/peft-core';
import type { TokenWeights } from '../objectives/next-token.js';
import type { BatchSource } from './batch-source.js';
import { checkTexts } from './pad-texts.js';
import { identifyList, sourceOfTexts } from './source-of-texts.js';

/** A text to learn the next token from. */
export interface LanguageExample {
  readonly text: EncodedText;
  /** How much the prediction of each token counts, as long as the text. The first token is given: it counts for nothing. */
  readonly weights: readonly number[];
  /** Bytes of what is to be predicted, for perplexities that do not depend on a tokenizer. */
  readonly bytes?: number;
}

const textOf = (inputIds: readonly number[]): EncodedText => ({ inputIds, tokenTypeIds: inputIds.map(() => 0) });

/** A text of which everything after the first token is to be learned. `bytes`: of the whole text. Errors: `COMPLETION_EMPTY`. */
export function wholeText({ inputIds }: Pick<EncodedText, 'inputIds'>, bytes?: number): LanguageExample {
  return completion({ inputIds: inputIds.slice(0, 1) }, { inputIds: inputIds.slice(1) }, bytes);
}

/**
 * A completion to be learned after a context that is given. Special tokens, such as the one that ends a text, are the caller's. `bytes`: of the
 * completion. Errors: `TEXT_EMPTY` without a context, `COMPLETION_EMPTY` for a completion of no tokens.
 */
export function completion(
  context: Pick<EncodedText, 'inputIds'>,
  { inputIds: wanted }: Pick<EncodedText, 'inputIds'>,
  bytes?: number,
): LanguageExample {
  const { inputIds: given } = context;
  if (given.length === 0)
    throw new PeftError('TEXT_EMPTY', {
      found: 'a context of no tokens',
      expected: 'at least one: something must stand before what is predicted',
      fix: 'put the token that begins or ends a text before it',
    });
  if (wanted.length === 0)
    throw new PeftError('COMPLETION_EMPTY', {
      found: 'a completion of no tokens',
      expected: 'at least one token to be learned',
      fix: 'leave the example out, or add the token that ends a text',
    });
  return {
    text: textOf([...given, ...wanted]),
    weights: [...given.map(() => 0), ...wanted.map(() => 1)],
    ...(bytes !== undefined && { bytes }),
  };
}

/**
 * Rows of at most `length` tokens made of whole documents in their order, as few as fit one after the other; a document that is longer is cut into
 * documents of that length, each of which begins with the last token of the one before, so that every token but the first is predicted once. Pieces
 * in which nothing counts are left out. Rows that are packed already count as their documents. Each sees itself alone and is numbered from its own beginning, so that a packed row computes what its documents do.
 * Errors: `OPTION_INVALID`.
 */
export function packDocuments(examples: readonly LanguageExample[], length: number): LanguageExample[] {
  if (!(Number.isInteger(length) && length >= 2))
    throw new PeftError('OPTION_INVALID', {
      found: `rows of ${length} tokens`,
      expected: 'at least 2: one that is given and one to predict',
    });
  const rows: { ids: number[]; weights: number[]; documents: number[]; bytes: number | undefined }[] = [];
  for (const { text, weights, bytes } of examples)
    for (const { ids, counts, isFirst } of piecesOf(text, weights, length)) {
      const last = rows.at(-1);
      const fits = last !== undefined && last.ids.length + ids.length <= length;
      const row = fits ? last : { ids: [], weights: [], documents: [], bytes: 0 as number | undefined };
      if (!fits) rows.push(row);
      const document = (row.documents.at(-1) ?? -1) + 1;
      row.ids.push(...ids);
      row.weights.push(...counts);
      row.documents.push(...ids.map(() => document));
      row.bytes = row.bytes === undefined || bytes === undefined ? undefined : row.bytes + (isFirst ? bytes : 0);
    }
  return rows.map(({ ids, weights, documents, bytes }) => ({
    text: { ...textOf(ids), documents },
    weights,
    ...(bytes !== undefined && { bytes }),
  }));
}

function piecesOf({ inputIds: ids, documents }: EncodedText, weights: readonly number[], length: number) {
  const pieces: { ids: readonly number[]; counts: readonly number[]; isFirst: boolean }[] = [];
  const begins = ids.flatMap((_, at) => (at === 0 || documents?.[at] !== documents?.[at - 1] ? [at] : []));
  begins.forEach((begin, document) => {
    const stop = begins[document + 1] ?? ids.length;
    for (let start = begin; start === begin || start < stop - 1; start += length - 1) {
      const end = Math.min(start + length, stop);
      // The first token of a piece stands after nothing.
      const counts = weights.slice(start, end).map((weight, token) => (token === 0 ? 0 : weight));
      if (counts.some((weight) => weight > 0))
        pieces.push({ ids: ids.slice(start, end), counts, isFirst: pieces.length === 0 });
    }
  });
  return pieces;
}

/**
 * Texts to learn the next token from, in a new order every epoch; the last batch of an epoch may be smaller.
 * Errors: `TRAINING_DATA_EMPTY`, `TEXT_EMPTY`, `LABEL_INVALID`.
 */
export function languageTexts(examples: readonly LanguageExample[]): BatchSource<TokenWeights> {
  if (examples.length === 0)
    throw new PeftError('TRAINING_DATA_EMPTY', { found: 'no training examples', expected: 'at least one' });
  checkLanguageExamples(examples, 'train');
  return sourceOfTexts(
    examples.map(({ text }) => text),
    examples.map(({ weights }) => weights),
    identifyLanguage(examples),
  );
}

/** Errors: `TEXT_EMPTY`, `LABEL_INVALID`. */
export function checkLanguageExamples(examples: readonly LanguageExample[], split: string): void {
  checkTexts(
    examples.map(({ text }) => text),
    split,
  );
  const bad = examples.findIndex(
    ({ text, weights }) =>
      weights.length !== text.inputIds.length || weights.some((weight) => !(Number.isFinite(weight) && weight >= 0)),
  );
  if (bad < 0) return;
  throw new PeftError('LABEL_INVALID', {
    found: `weights of example ${bad} of ${split}`,
    expected: 'one finite number from 0 on for each token',
    fix: 'make examples with wholeText, completion or packDocuments',
  });
}

/** Number of examples and a digest over ids, weights and documents in order. */
export const identifyLanguage = (examples: readonly LanguageExample[]) =>
  identifyList(examples, ({ text, weights }) => [text.inputIds, text.documents ?? null, weights]);
