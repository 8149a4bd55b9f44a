import { PeftError } from '@tfjs-peft/peft-core';

/**
 * Indices of the `count` largest scores, ascending; of equal ones those with the lower index. Takes time in proportion to the scores: it finds the
 * last score that is taken by counting, sixteen bits at a time, and sorts nothing. Errors: `SELECTION_NOT_FINITE`.
 */
export function selectLargest(scores: Float32Array, count: number, what: string): Int32Array {
  const size = count < scores.length ? count : scores.length;
  const chosen = new Int32Array(size);
  const keys = orderedKeys(scores, what);
  if (size === 0) return chosen;
  const { least, equal } = lastTaken(keys, size);
  let [taken, left] = [0, equal];
  for (let i = 0; taken < size; i++) {
    const key = keys[i]!;
    if (key > least || (key === least && left-- > 0)) chosen[taken++] = i;
  }
  return chosen;
}

/** Whole numbers in the order of the scores. */
function orderedKeys(scores: Float32Array, what: string): Uint32Array {
  // -0 and 0 are equal scores: adding 0 makes them the same bits.
  const values = new Float32Array(scores.length);
  const keys = new Uint32Array(values.buffer);
  for (let i = 0; i < keys.length; i++) {
    values[i] = scores[i]! + 0;
    const bits = keys[i]!;
    // NaN and infinity have all bits of the exponent.
    if ((bits & 0x7f800000) === 0x7f800000) throw notFinite(what);
    keys[i] = bits >>> 31 === 0 ? bits | 0x80000000 : ~bits;
  }
  return keys;
}

/** The key that stands at place `count` in descending order, and how many of those that are equal to it are among the first `count`. */
function lastTaken(keys: Uint32Array, count: number): { readonly least: number; readonly equal: number } {
  const counts = new Uint32Array(1 << 16);
  for (let i = 0; i < keys.length; i++) counts[keys[i]! >>> 16]!++;
  const high = lastInCounts(counts, count);
  counts.fill(0);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (key >>> 16 === high.bin) counts[key & 0xffff]!++;
  }
  const low = lastInCounts(counts, high.left);
  return { least: ((high.bin << 16) | low.bin) >>> 0, equal: low.left };
}

/** The bin of the last of the `count` largest, and how many of them are in it. */
function lastInCounts(counts: Uint32Array, count: number): { readonly bin: number; readonly left: number } {
  let [bin, left] = [counts.length - 1, count];
  while (counts[bin]! < left) left -= counts[bin--]!;
  return { bin, left };
}

/** Errors are the same wherever numbers are found that cannot be ranked. */
export const notFinite = (what: string): PeftError =>
  new PeftError('SELECTION_NOT_FINITE', {
    found: `${what} has numbers that are NaN or infinite`,
    expected: 'finite numbers, which have an order',
    fix: 'look at the host and at the targets of the first texts: a loss that is not finite has no gradient',
  });
