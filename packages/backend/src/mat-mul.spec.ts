import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from '@jest/globals';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

type Shapes = readonly [a: number[], b: number[]];

/** Batch axes of both factors; every pair is tried with all four transpose combinations. */
const batches: readonly Shapes[] = [
  [[], []],
  [[3], [3]],
  [[3], []],
  [[], [3]],
  [[3], [1]],
  [[1], [3]],
  [
    [2, 3],
    [2, 3],
  ],
  [
    [2, 1],
    [2, 3],
  ],
  [
    [2, 3],
    [2, 1],
  ],
  [
    [2, 1],
    [1, 3],
  ],
  [[2, 3], [3]],
  [
    [2, 3],
    [2, 1, 1],
  ],
];

// Small ones stay in the stock loop of the wasm kernel, large ones take the replaced path.
const sizes = [
  { rows: 3, inner: 4, columns: 2 },
  { rows: 16, inner: 24, columns: 8 },
];

const cases = sizes.flatMap((size) =>
  batches.flatMap(([a, b]) =>
    [false, true].flatMap((transposeA) =>
      [false, true].map((transposeB) => ({ ...size, a, b, transposeA, transposeB })),
    ),
  ),
);

const name = (c: (typeof cases)[number]) =>
  `[${c.a.join()}] x [${c.b.join()}] ${c.rows}x${c.inner}x${c.columns}${c.transposeA ? ' transposeA' : ''}${c.transposeB ? ' transposeB' : ''}`;

describe('matMul', () => {
  it.each(cases.map((c) => [name(c), c] as const))(
    '%s agrees with a plain loop, forward and backward',
    async (_, c) => {
      const aShape = [...c.a, ...(c.transposeA ? [c.inner, c.rows] : [c.rows, c.inner])];
      const bShape = [...c.b, ...(c.transposeB ? [c.columns, c.inner] : [c.inner, c.columns])];
      const batch = tf.broadcast_util.assertAndGetBroadcastShape(c.a, c.b);
      const a = tf.randomNormal(aShape, 0, 1, 'float32', 1);
      const b = tf.randomNormal(bShape, 0, 1, 'float32', 2);
      const weights = tf.randomNormal([...batch, c.rows, c.columns], 0, 1, 'float32', 3);
      const f = (x: tf.Tensor, y: tf.Tensor) => tf.matMul(x, y, c.transposeA, c.transposeB);
      const y = f(a, b);
      const [da, db] = tf.grads((x, z) =>
        f(x as tf.Tensor, z as tf.Tensor)
          .mul(weights)
          .sum(),
      )([a, b]) as [tf.Tensor, tf.Tensor];
      const expected = plainLoop(
        { ...c, batch },
        {
          a: (await a.data()) as Float32Array,
          b: (await b.data()) as Float32Array,
          dy: (await weights.data()) as Float32Array,
        },
      );
      expect([y.shape, da.shape, db.shape]).toEqual([weights.shape, aShape, bShape]);
      expect(largestDifference(await y.data(), expected.y)).toBeLessThan(1e-5);
      expect(largestDifference(await da.data(), expected.da)).toBeLessThan(1e-5);
      expect(largestDifference(await db.data(), expected.db)).toBeLessThan(1e-5);
      tf.dispose([a, b, weights, y, da, db]);
    },
  );
});

interface Problem {
  readonly a: number[];
  readonly b: number[];
  readonly batch: number[];
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** y, and the gradients of sum(y * dy), in double precision and straight from the definition. */
function plainLoop(p: Problem, { a, b, dy }: { a: Float32Array; b: Float32Array; dy: Float32Array }) {
  const [y, da, db] = [new Float64Array(dy.length), new Float64Array(a.length), new Float64Array(b.length)];
  const items = p.batch.reduce((product, size) => product * size, 1);
  for (let item = 0; item < items; item++) {
    const [aItem, bItem] = [itemOf(p.a, p.batch, item), itemOf(p.b, p.batch, item)];
    for (let i = 0; i < p.rows; i++)
      for (let j = 0; j < p.columns; j++)
        for (let k = 0; k < p.inner; k++) {
          const at = aItem * p.rows * p.inner + (p.transposeA ? k * p.rows + i : i * p.inner + k);
          const bt = bItem * p.inner * p.columns + (p.transposeB ? j * p.inner + k : k * p.columns + j);
          const yt = (item * p.rows + i) * p.columns + j;
          y[yt]! += a[at]! * b[bt]!;
          da[at]! += dy[yt]! * b[bt]!;
          db[bt]! += dy[yt]! * a[at]!;
        }
  }
  return { y, da, db };
}

/** The item of a factor with batch axes `own` that goes into `item` of the broadcast batch: by coordinates, axis by axis. */
function itemOf(own: number[], batch: number[], item: number): number {
  let rest = item;
  let index = 0;
  let stride = 1;
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    const coordinate = rest % batch[axis]!;
    rest = Math.floor(rest / batch[axis]!);
    const size = own[axis - (batch.length - own.length)] ?? 1;
    if (size > 1) index += coordinate * stride;
    stride *= size;
  }
  return index;
}

const largestDifference = (found: ArrayLike<number>, expected: ArrayLike<number>): number => {
  expect(found.length).toBe(expected.length);
  return Array.from(expected).reduce((worst, value, i) => Math.max(worst, Math.abs(value - found[i]!)), 0);
};
