import * as tf from '@tensorflow/tfjs';

/**
 * One step of the inverse wavelet transform of each column: from `[2 * half, columns]`, coefficients of low frequencies above those of high ones,
 * to `[2 * half - taps + 2, columns]`, without what reaches over the edges (Mallat 1989, section III). `low` is the low-pass filter of
 * reconstruction; the high-pass one is its mirror.
 */
export function inverseWavelet(coefficients: tf.Tensor2D, low: readonly number[]): tf.Tensor2D {
  const [rows, columns] = coefficients.shape;
  const [half, taps] = [rows / 2, low.length];
  const high = low.map((_, i) => (i % 2 === 0 ? 1 : -1) * low[taps - 1 - i]!);
  const count = half - taps / 2 + 1;
  // Value 2u + phase is the sum over q of filter[2q + phase] times coefficient u + taps / 2 - 1 - q.
  const phase = (parity: number) =>
    tf.addN(
      [low, high].flatMap((filter, band) =>
        Array.from({ length: taps / 2 }, (_, q) =>
          coefficients.slice([band * half + taps / 2 - 1 - q, 0], [count, columns]).mul(filter[2 * q + parity]!),
        ),
      ),
    );
  return tf.stack([phase(0), phase(1)], 1).reshape([2 * count, columns]);
}
