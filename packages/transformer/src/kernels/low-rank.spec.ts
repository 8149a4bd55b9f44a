import { describe, expect, it } from '@jest/globals';
import { dynamicLowRankProduct } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference } from '../../test/test-hosts.js';
import { fusedLowRank, hasFusedLowRank } from './low-rank.js';

useTestBackend();
let seed = 0;
const random = (shape: number[]) => tf.randomNormal(shape, 0, 0.3, 'float32', ++seed);

/** Two maps side by side of width 50 and a narrow one beside them. */
const places = [
  { rank: 8, width: 50, column: 0, scale: 2 },
  { rank: 3, width: 50, column: 50, scale: 0.5 },
  // More columns than a panel has.
  { rank: 37, width: 50, column: 50, scale: 0.5 },
  { rank: 5, width: 7, column: 93, scale: 1 },
];
/** Which of them have a core; they stand in any order. */
const dynamic: Readonly<Record<string, readonly number[]>> = { none: [], some: [0, 3], all: [0, 1, 2, 3] };
const cases = [
  [1, 20],
  [2, 5, 33],
  [130, 401],
].flatMap((shape) => Object.keys(dynamic).map((which) => [shape, which] as const));

describe('low-rank deltas in one call', () => {
  it.each(cases)('are the products one after the other: x %j, with a core %s', async (shape, which) => {
    if (!hasFusedLowRank()) return;
    const withCore = dynamic[which]!;
    const [x, y] = [random(shape), random([...shape.slice(0, -1), 100])];
    const factors = [
      ...places.map(({ rank }) => random([shape.at(-1)!, rank])),
      ...places.map(({ rank, width }) => random([rank, width])),
      ...withCore.map((index) => random([shape.at(-1)!, places[index]!.rank ** 2])),
    ];
    const coreOf = (index: number, at: readonly tf.Tensor[]) =>
      withCore.includes(index) ? at[2 * places.length + withCore.indexOf(index)]! : undefined;
    const direction = random(y.shape);
    const fused = (states: tf.Tensor, result: tf.Tensor, ...at: tf.Tensor[]) =>
      fusedLowRank(
        states,
        result,
        places.map((place, index) => {
          const core = coreOf(index, at);
          return { ...place, down: at[index]!, up: at[index + places.length]!, ...(core && { core }) };
        }),
      );
    const plain = (states: tf.Tensor, result: tf.Tensor, ...at: tf.Tensor[]) =>
      places.reduce((sum, { width, column, scale }, index) => {
        const rows = states.reshape([-1, shape.at(-1)!]);
        const [down, up, core] = [at[index]!, at[index + places.length]!, coreOf(index, at)];
        const all = core
          ? dynamicLowRankProduct(rows.expandDims(0), { down, core, up }).squeeze([0])
          : tf.matMul(tf.matMul(rows, down), up);
        const product = all.mul(scale) as tf.Tensor2D;
        const beside = product.pad([
          [0, 0],
          [column, 100 - column - width],
        ]);
        return sum.add(beside.reshape(y.shape));
      }, result);
    const both = (operation: typeof fused) =>
      tf.tidy(() => {
        const inputs = [x, y, ...factors];
        const loss = (...at: tf.Tensor[]) =>
          operation(at[0]!, at[1]!, ...at.slice(2))
            .mul(direction)
            .sum() as tf.Scalar;
        return [operation(x, y, ...factors), ...tf.grads(loss)(inputs)];
      });
    const before = tf.memory().numTensors;
    const found = both(fused);
    const again = both(fused);
    expect(tf.memory().numTensors).toBe(before + 2 * found.length);
    for (const [index, expected] of both(plain).entries()) {
      const size = (await expected.abs().max().data())[0]!;
      expect(found[index]!.shape).toEqual(expected.shape);
      expect(await maxDifference(found[index]!, expected)).toBeLessThan(1e-5 * Math.max(1, size));
      expect(await maxDifference(found[index]!, again[index]!)).toBe(0);
    }
  });

  it('that do not fit are an error', () => {
    if (!hasFusedLowRank()) return;
    const add = (down: number[], up: number[], column: number, core?: number[]) =>
      fusedLowRank(random([2, 4]), random([2, 6]), [
        { down: random(down), up: random(up), scale: 1, column, ...(core && { core: random(core) }) },
      ]);
    expect(() => add([5, 2], [2, 3], 0)).toThrow(/do not fit/);
    expect(() => add([4, 2], [3, 3], 0)).toThrow(/do not fit/);
    expect(() => add([4, 2], [2, 3], 4)).toThrow(/do not fit/);
    expect(() => add([4, 2], [2, 3], 0, [4, 3])).toThrow(/do not fit/);
  });
});
