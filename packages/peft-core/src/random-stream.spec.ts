import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  createStream,
  normals,
  philoxBlock,
  randomPermutation,
  randomWords,
  type Stream,
  substream,
  uniforms,
} from './random-stream.js';

const stream = createStream(42);
const count = 100_000;
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
function correlation(x: Float32Array, y: Float32Array): number {
  const [mx, my] = [mean(x), mean(y)];
  const sum = (f: (i: number) => number) => Array.from(x).reduce((total, _, i) => total + f(i), 0);
  const covariance = sum((i) => (x[i]! - mx) * (y[i]! - my));
  return covariance / Math.sqrt(sum((i) => (x[i]! - mx) ** 2) * sum((i) => (y[i]! - my) ** 2));
}

describe('philoxBlock', () => {
  // Known answers of Random123 (Salmon et al. 2011) for philox4x32 with 10 rounds.
  it.each<[string, number[], number[], string[]]>([
    ['zeros', [0, 0, 0, 0], [0, 0], ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']],
    ['ones', [-1, -1, -1, -1], [-1, -1], ['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd']],
    [
      'digits of pi',
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      ['d16cfe09', '94fdcceb', '5001e420', '24126ea1'],
    ],
  ])('gives the published words for %s', (_, [c0, c1, c2, c3], [k0, k1], expected) => {
    const words = new Uint32Array(6);
    philoxBlock(words, 1, c0!, c1!, c2!, c3!, k0!, k1!);
    expect([...words].map((word) => word.toString(16).padStart(8, '0'))).toEqual(['00000000', ...expected, '00000000']);
  });
});

describe('streams', () => {
  it('are values: the same path gives the same numbers, whatever was drawn before', () => {
    const first = randomWords(stream, 10);
    normals(substream(stream, 'other'), 100);
    expect(randomWords(createStream('42'), 10)).toEqual(first);
    expect(substream(stream, 'a', 3).path).toBe('42/a/3');
    expect(substream(stream, 'a', '3')).toEqual(substream(substream(stream, 'a'), 3));
  });

  it('keep their numbers over versions', () => {
    // Made by another implementation of SHA-256 and Philox in 64-bit integers: results of earlier runs depend on these numbers.
    const initial = substream(stream, 'initial-values');
    expect([...randomWords(initial, 4)]).toEqual([3713109439, 3959270111, 2239520118, 2941310181]);
    expect([...normals(initial, 2)]).toEqual([0.47581180930137634, -0.2544635534286499]);
  });

  it('never meet: segments are escaped', () => {
    const paths = fc.array(fc.string({ unit: fc.constantFrom('a', '/', '~', '0', '1') }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(paths, paths, ([seed, ...path], [otherSeed, ...otherPath]) => {
        const [a, b] = [substream(createStream(seed!), ...path), substream(createStream(otherSeed!), ...otherPath)];
        const same = JSON.stringify([seed, ...path]) === JSON.stringify([otherSeed, ...otherPath]);
        expect(a.path === b.path).toBe(same);
        expect(a.key[0] === b.key[0] && a.key[1] === b.key[1]).toBe(same);
      }),
    );
    const clashes = [
      ['~1', '/'],
      ['~0', '~'],
      ['~01', '~1'],
      ['a/b', 'a~1b'],
    ];
    for (const [a, b] of clashes) expect(substream(stream, a!).path).not.toBe(substream(stream, b!).path);
    expect(createStream('a/b').path).not.toBe(substream(createStream('a'), 'b').path);
  });

  it.each<[string, (stream: Stream, count: number) => ArrayLike<number>]>([
    ['words', randomWords],
    ['uniforms', uniforms],
    ['normals', normals],
  ])('give %s whose beginning does not depend on how many are asked for', (_, draw) => {
    const long = Array.from(draw(stream, 101));
    for (const length of [0, 1, 2, 3, 4, 5, 50, 99, 100])
      expect(Array.from(draw(stream, length))).toEqual(long.slice(0, length));
  });
});

describe('uniforms', () => {
  const values = uniforms(stream, count);
  it('have the moments of the uniform law and fill the interval evenly', () => {
    expect(mean(values)).toBeCloseTo(0.5, 2);
    expect(mean(values.map((u) => (u - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
    expect(Math.min(...values.slice(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(values.every((u) => u >= 0 && u < 1)).toBe(true);
    const bins = new Float64Array(64);
    for (const u of values) bins[Math.floor(u * 64)]! += 1;
    const chiSquared = bins.reduce((sum, n) => sum + (n - count / 64) ** 2 / (count / 64), 0);
    expect(chiSquared).toBeLessThan(120);
    expect(chiSquared).toBeGreaterThan(25);
  });
});

describe('normals', () => {
  const values = normals(stream, count);
  it('have the moments and tails of the normal law', () => {
    const moment = (power: number) => mean(values.map((z) => z ** power));
    expect(Math.abs(moment(1))).toBeLessThan(0.015);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.02);
    expect(Math.abs(moment(3))).toBeLessThan(0.05);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
    const beyond = (limit: number) => values.filter((z) => Math.abs(z) > limit).length / count;
    expect(beyond(1.959964)).toBeCloseTo(0.05, 2);
    expect(beyond(3)).toBeCloseTo(0.0027, 3);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('are independent of their neighbours, of other streams and of other seeds', () => {
    const shifted = (by: number) => [values.subarray(0, count - by), values.subarray(by)] as const;
    const limit = 4 / Math.sqrt(count);
    for (const by of [1, 2, 3, 4]) expect(Math.abs(correlation(...shifted(by)))).toBeLessThan(limit);
    for (const other of [substream(stream, 'x'), substream(stream, 0), createStream(43)])
      expect(Math.abs(correlation(values, normals(other, count)))).toBeLessThan(limit);
    const squares = (by: number) => shifted(by).map((part) => part.map((z) => z * z)) as [Float32Array, Float32Array];
    expect(Math.abs(correlation(...squares(1)))).toBeLessThan(limit);
  });
});

describe('randomPermutation', () => {
  it('is a permutation', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(), (length, seed) => {
        const order = randomPermutation(createStream(seed), length);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      }),
    );
  });

  it('takes all orders equally often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const order = String(randomPermutation(substream(stream, i), 3));
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const times of counts.values()) expect(Math.abs(times - 2000)).toBeLessThan(180);
  });
});
