import { countNgrams, countShared } from './count-ngrams.js';
import { tokenise13a } from './tokenise-13a.js';

/** Longest groups of tokens that BLEU compares. */
const order = 4;

/** What a text contributes to the BLEU of a corpus: it is a sum over texts. */
export interface BleuCounts {
  /** Groups of 1 to 4 tokens that a reference has too. */
  readonly matched: readonly number[];
  /** Groups of 1 to 4 tokens of the text. */
  readonly total: readonly number[];
  /** Tokens of the text, and of the reference that is nearest in length. */
  readonly length: number;
  readonly referenceLength: number;
}

/** How counts become a score. */
export interface BleuOptions {
  /**
   * What becomes of a precision of 0: `exp` halves it anew each time, `floor` takes 0.1 matches, `add-k` adds 1 to counts of two tokens and more, `none` leaves it,
   * and the score is 0.
   */
  readonly smoothing?: 'exp' | 'floor' | 'add-k' | 'none';
}

/** Of one text. Errors: none; without a reference nothing matches. */
export function bleuCounts(
  text: string,
  references: readonly string[],
  { lowerCase = false }: { readonly lowerCase?: boolean } = {},
): BleuCounts {
  const tokensOf = (each: string) => tokenise13a(lowerCase ? each.toLowerCase() : each);
  const tokens = tokensOf(text);
  const others = references.map(tokensOf);
  const sizes = Array.from({ length: order }, (_, index) => index + 1);
  const distance = (length: number) => Math.abs(length - tokens.length);
  return {
    matched: sizes.map((size) => countShared(countNgrams(tokens, size), mostOf(others, size))),
    total: sizes.map((size) => Math.max(tokens.length - size + 1, 0)),
    length: tokens.length,
    referenceLength: others
      .map(({ length }) => length)
      .reduce((best, length) => {
        const nearer = distance(length) - distance(best);
        return nearer < 0 || (nearer === 0 && length < best) ? length : best;
      }, others[0]?.length ?? 0),
  };
}

/** How often a group occurs in the reference that has it most often. */
function mostOf(references: readonly (readonly string[])[], size: number): Map<string, number> {
  const most = new Map<string, number>();
  for (const tokens of references)
    for (const [gram, count] of countNgrams(tokens, size)) most.set(gram, Math.max(count, most.get(gram) ?? 0));
  return most;
}

/** The counts of many texts together. */
export const addBleuCounts = (all: readonly BleuCounts[]): BleuCounts => {
  const sum = (pick: (one: BleuCounts) => number) => all.reduce((total, one) => total + pick(one), 0);
  const each = (pick: (one: BleuCounts) => readonly number[]) =>
    Array.from({ length: order }, (_, index) => sum((one) => pick(one)[index]!));
  return {
    matched: each(({ matched }) => matched),
    total: each(({ total }) => total),
    length: sum(({ length }) => length),
    referenceLength: sum(({ referenceLength }) => referenceLength),
  };
};

/**
 * BLEU (Papineni et al. 2002) of a corpus from its counts, from 0 to 1: groups of up to four tokens, the brevity penalty of the whole. With the tokens of
 * {@link bleuCounts} the numbers are those of sacrebleu (`corpus_bleu`, tokenisation 13a).
 */
export function bleuOf(
  { matched, total, length, referenceLength }: BleuCounts,
  { smoothing = 'exp' }: BleuOptions = {},
): number {
  if (matched.every((count) => count === 0)) return 0;
  const brevity = length >= referenceLength ? 1 : Math.exp(1 - referenceLength / length);
  let halvings = 1;
  const precisions = matched.map((count, index) => {
    const added = smoothing === 'add-k' && index > 0 ? 1 : 0;
    const [hits, all] = [count + added, total[index]! + added];
    if (all === 0) return 0;
    if (hits > 0) return hits / all;
    if (smoothing === 'floor') return 0.1 / all;
    if (smoothing !== 'exp') return 0;
    halvings *= 2;
    return 1 / (halvings * all);
  });
  const logarithms = precisions.map((precision) => Math.log(precision));
  return brevity * Math.exp(logarithms.reduce((sum, value) => sum + value, 0) / order);
}

/** BLEU of texts, each with its references: see {@link bleuOf}. */
export const bleu = (
  texts: readonly { readonly text: string; readonly references: readonly string[] }[],
  { lowerCase = false, ...options }: BleuOptions & { readonly lowerCase?: boolean } = {},
): number =>
  bleuOf(addBleuCounts(texts.map(({ text, references }) => bleuCounts(text, references, { lowerCase }))), options);
