import { createStream, substream } from '@tfjs-peft/peft-core';
import { randomWords } from '@tfjs-peft/peft-core/authoring';

// Looked up once: reading a global in a loop is slow inside the virtual machine contexts that test runners use.
const { abs, ceil } = Math;

/** Up to so many differences all patterns of signs are looked at. */
const exactLimit = 16;

/**
 * Two-sided p-value of the paired permutation test of the mean: the share of sign patterns whose mean is as far from zero. All of them for up to
 * 16 differences; beyond that `draws` random ones, the observed one among them (Phipson and Smyth 2010), so that it is never 0. 1 for none, NaN
 * where one is not a finite number.
 */
export function signFlipTest(
  differences: readonly number[],
  { draws = 9999, seed = 0 }: { readonly draws?: number; readonly seed?: number } = {},
): number {
  if (!differences.every(Number.isFinite)) return NaN;
  const observed = abs(differences.reduce((sum, value) => sum + value, 0));
  // Sums of the same numbers in another order differ in their last bits.
  const least = observed - 1e-9 * differences.reduce((sum, value) => sum + abs(value), 0);
  const { length } = differences;
  if (length <= exactLimit) {
    let extreme = 0;
    for (let pattern = 0; pattern < 2 ** length; pattern++)
      if (abs(signedSum(differences, (index) => (pattern >> index) & 1)) >= least) extreme++;
    return extreme / 2 ** length;
  }
  const stream = createStream(`sign flips ${seed}`);
  const words = ceil(length / 32);
  let extreme = 1;
  for (let draw = 0; draw < draws; draw++) {
    const bits = randomWords(substream(stream, draw), words);
    if (abs(signedSum(differences, (index) => (bits[index >> 5]! >>> (index & 31)) & 1)) >= least) extreme++;
  }
  return extreme / (draws + 1);
}

function signedSum(values: readonly number[], flipped: (index: number) => number): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += flipped(index) === 1 ? -values[index]! : values[index]!;
  return sum;
}
