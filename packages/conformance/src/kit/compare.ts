import type * as tf from '@tensorflow/tfjs';
import { requireThat } from './failure.js';

/** Largest absolute difference over max(1, largest number of `expected`); infinite for other shapes or numbers that are not finite. */
export async function distance(actual: tf.Tensor, expected: tf.Tensor): Promise<number> {
  if (actual.shape.join() !== expected.shape.join()) return Infinity;
  const [a, b] = await Promise.all([actual.data(), expected.data()]);
  return distanceOf(a as Float32Array, b as Float32Array);
}

export function distanceOf(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let [largest, scale] = [0, 1];
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!Number.isFinite(difference)) return Infinity;
    largest = Math.max(largest, difference);
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return largest / scale;
}

/** Errors: a {@link ConformanceFailure} that begins with `what`. */
export async function requireClose(
  actual: tf.Tensor,
  expected: tf.Tensor,
  tolerance: number,
  what: string,
): Promise<void> {
  const found = await distance(actual, expected);
  requireThat(found <= tolerance, () => `${what}: ${describeDistance(found, actual, expected)}, at most ${tolerance}`);
}

/** Errors: a {@link ConformanceFailure} that begins with `what`, unless the two differ by more than `least`. */
export async function requireFar(actual: tf.Tensor, other: tf.Tensor, least: number, what: string): Promise<void> {
  const found = await distance(actual, other);
  requireThat(found > least, () => `${what}: ${describeDistance(found, actual, other)}, expected more than ${least}`);
}

/** Errors: a {@link ConformanceFailure} that begins with `what`, unless all bits are the same. */
export async function requireSameBits(actual: tf.Tensor, expected: tf.Tensor, what: string): Promise<void> {
  const [a, b] = await Promise.all([actual.data(), expected.data()]);
  requireThat(
    actual.shape.join() === expected.shape.join() && sameBits(a, b),
    `${what}: expected the same bits in shapes [${actual.shape.join(', ')}] and [${expected.shape.join(', ')}]`,
  );
}

export const sameBits = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
  a.length === b.length && Array.prototype.every.call(a, (value: number, i: number) => Object.is(value, b[i]));

const describeDistance = (found: number, a: tf.Tensor, b: tf.Tensor) =>
  found === Infinity
    ? `shapes [${a.shape.join(', ')}] and [${b.shape.join(', ')}] or numbers that are not finite`
    : `they differ by ${found.toExponential(1)}`;
