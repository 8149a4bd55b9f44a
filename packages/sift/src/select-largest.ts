import { PeftError } from '@tfjs-peft/peft-core';

/**
 * Indices of the `count` largest scores, ascending; of equal ones those with the lower index. Takes time in proportion to the scores: it looks for
 * the last score that is taken (quickselect, Hoare 1961) and sorts nothing. Errors: `SELECTION_NOT_FINITE`.
 */
export function selectLargest(scores: Float32Array, count: number, what: string): Int32Array {
  requireFinite(scores, what);
  const size = Math.min(count, scores.length);
  const chosen = new Int32Array(size);
  if (size === 0) return chosen;
  const least = rankedValue(scores.slice(), size - 1);
  let equal = size;
  for (const score of scores) if (score > least) equal--;
  let taken = 0;
  for (let i = 0; taken < size; i++) {
    const score = scores[i]!;
    if (score > least || (score === least && equal-- > 0)) chosen[taken++] = i;
  }
  return chosen;
}

/** What would stand at `rank` if the values were in descending order. Rearranges them. */
function rankedValue(values: Float32Array, rank: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = middleOf(values[low]!, values[(low + high) >>> 1]!, values[high]!);
    let [i, j] = [low, high];
    while (i <= j) {
      while (values[i]! > pivot) i++;
      while (values[j]! < pivot) j--;
      if (i > j) break;
      const value = values[i]!;
      values[i++] = values[j]!;
      values[j--] = value;
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else break;
  }
  return values[rank]!;
}

const middleOf = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));

function requireFinite(scores: Float32Array, what: string): void {
  for (const score of scores) if (!Number.isFinite(score)) throw notFinite(what);
}

/** Errors are the same wherever numbers are found that cannot be ranked. */
export const notFinite = (what: string): PeftError =>
  new PeftError('SELECTION_NOT_FINITE', {
    found: `${what} has numbers that are NaN or infinite`,
    expected: 'finite numbers, which have an order',
    fix: 'look at the host and at the targets of the first texts: a loss that is not finite has no gradient',
  });
