import { describe, expect, it } from '@jest/globals';
import { chooseStrategy, weightedMean, weightedSum } from './combine-parameters.js';
import type { NamedArrays } from './parameters.js';

const arrays = (entries: Readonly<Record<string, readonly number[]>>): NamedArrays =>
  new Map(
    Object.entries(entries).map(([name, data]) => [name, { shape: [data.length], data: Float32Array.from(data) }]),
  );
const first = arrays({ a: [1, 2], b: [3] });
const second = arrays({ a: [10, 20], b: [30] });

describe('weightedSum and weightedMean', () => {
  it('add up by name, in double precision', () => {
    const members = [
      { effective: first, weight: 2 },
      { effective: second, weight: 0.5 },
    ];
    expect(weightedSum(members)).toEqual(arrays({ a: [7, 14], b: [21] }));
    expect(weightedMean(members)).toEqual(arrays({ a: [2.8, 5.6], b: [8.4] }));
    // In float32 the small number would vanish beside the large ones.
    const large = arrays({ a: [2 ** 25] });
    const parts = [large, arrays({ a: [1] }), large].map((effective, i) => ({ effective, weight: i === 2 ? -1 : 1 }));
    expect(weightedSum(parts)).toEqual(arrays({ a: [1] }));
  });

  it.each([
    ['another length', arrays({ a: [1], b: [3] })],
    ['another name', arrays({ a: [1, 2], c: [3] })],
    ['fewer', arrays({ a: [1, 2] })],
    ['more', arrays({ a: [1, 2], b: [3], c: [4] })],
  ])('refuse %s', (_, other) => {
    const members = [first, other].map((effective) => ({ effective, weight: 1 }));
    expect(() => weightedSum(members)).toThrow(expect.objectContaining({ code: 'COMBINE_MISMATCH' }));
  });
});

describe('weightedMean', () => {
  it.each([
    [[1, -1]],
    [[0, 0]],
    // 5.6e-17 in floating point.
    [[0.1, 0.2, -0.3]],
    [[1, NaN]],
    [[Infinity, 1]],
    [[1e308, 1e308]],
  ])('refuses weights without a mean: %j', (weights) => {
    const members = weights.map((weight) => ({ effective: first, weight }));
    expect(() => weightedMean(members)).toThrow(expect.objectContaining({ code: 'COMBINE_OPTION_INVALID' }));
  });

  it('takes negative weights with a sum', () => {
    const members = [2, -1].map((weight, i) => ({ effective: i === 0 ? first : second, weight }));
    expect(weightedMean(members)).toEqual(arrays({ a: [-8, -16], b: [-24] }));
  });
});

describe('chooseStrategy', () => {
  it('takes the first by default and refuses unknown ones with a near miss', () => {
    expect(chooseStrategy({}, ['linear', 'cat'], 'LORA')).toBe('linear');
    expect(chooseStrategy({ strategy: 'cat' }, ['linear', 'cat'], 'LORA')).toBe('cat');
    expect(() => chooseStrategy({ strategy: 'cta' }, ['linear', 'cat'], 'LORA')).toThrow(/did you mean "cat"/);
  });

  it('refuses options that the strategy does not follow', () => {
    const readBy = (strategy: string) => (strategy === 'cat' ? ['rank'] : []);
    expect(chooseStrategy({ strategy: 'cat', rank: 2 }, ['linear', 'cat'], 'LORA', readBy)).toBe('cat');
    expect(() => chooseStrategy({ rank: 2 }, ['linear', 'cat'], 'LORA', readBy)).toThrow(
      expect.objectContaining({ code: 'COMBINE_OPTION_INVALID', message: expect.stringContaining('rank 2') }),
    );
    expect(() => chooseStrategy({ seed: 1 }, ['linear'], 'LORA')).toThrow('seed 1');
  });
});
