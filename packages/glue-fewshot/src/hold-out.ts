import { numpyPermutation } from './numpy-permutation.js';
import type { LabelledText } from './task.js';

type Unnumbered = Omit<LabelledText, 'row'>;

/**
 * Sets `testCount` rows apart for testing: the first of `default_rng(seed).permutation(rows.length)`. Both parts keep the order
 * of the rows and are numbered from 0.
 */
export function holdOut(
  rows: readonly Unnumbered[],
  testCount: number,
  seed: number,
): { train: LabelledText[]; test: LabelledText[] } {
  const chosen = new Set(numpyPermutation(seed, rows.length).slice(0, testCount));
  const part = (inTest: boolean) =>
    rows
      .filter((_, i) => chosen.has(i) === inTest)
      .map(({ texts, label, references }, row) => ({ row, texts, label, ...(references && { references }) }));
  return { train: part(false), test: part(true) };
}
