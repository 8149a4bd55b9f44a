import { countNgrams, countShared } from './count-ngrams.js';
import { porterStem } from './porter-stem.js';

/** F1 of each kind, from 0 to 1: one word, two words in a row, the longest common subsequence of words. */
export interface RougeScores {
  readonly rouge1: number;
  readonly rouge2: number;
  readonly rougeL: number;
}

/** How words are compared. */
export interface RougeOptions {
  /** Whether words of more than three letters count by their stem; no by default, as in rouge-score. */
  readonly stem?: boolean;
}

/**
 * ROUGE (Lin 2004) of a text: F1 against the reference that suits it best, for each kind apart. The numbers are those of rouge-score 0.1.2 (`rouge1`, `rouge2`,
 * `rougeL`). A text or reference without a letter or digit of ASCII scores 0.
 */
export function rouge(text: string, references: readonly string[], { stem = false }: RougeOptions = {}): RougeScores {
  const words = wordsOf(text, stem);
  const each = references.map((reference) => scoresOf(words, wordsOf(reference, stem)));
  const best = (kind: keyof RougeScores) => Math.max(0, ...each.map((scores) => scores[kind]));
  return { rouge1: best('rouge1'), rouge2: best('rouge2'), rougeL: best('rougeL') };
}

const wordsOf = (text: string, stem: boolean): string[] =>
  text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => (stem && word.length > 3 ? porterStem(word) : word));

function scoresOf(text: readonly string[], reference: readonly string[]): RougeScores {
  const ngram = (size: number) =>
    f1(
      countShared(countNgrams(text, size), countNgrams(reference, size)),
      Math.max(text.length - size + 1, 0),
      Math.max(reference.length - size + 1, 0),
    );
  return {
    rouge1: ngram(1),
    rouge2: ngram(2),
    rougeL: f1(commonLength(text, reference), text.length, reference.length),
  };
}

/** Of `shared` things out of `found`, where `wanted` were to be found. */
const f1 = (shared: number, found: number, wanted: number): number =>
  shared === 0 ? 0 : (2 * shared) / (found + wanted);

/** Length of the longest common subsequence. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let row = new Int32Array(b.length + 1);
  for (const word of a) {
    const next = new Int32Array(b.length + 1);
    b.forEach((other, at) => {
      next[at + 1] = word === other ? row[at]! + 1 : Math.max(row[at + 1]!, next[at]!);
    });
    row = next;
  }
  return row[b.length]!;
}
