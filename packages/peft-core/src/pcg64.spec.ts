import { describe, expect, it } from '@jest/globals';
import { distinctBelow, maskedShuffle, pcg64 } from './pcg64.js';

// Expected numbers: numpy 2.4.6.
describe('the generator of numpy', () => {
  it('chooses different numbers as Generator.choice does', () => {
    expect([...distinctBelow(pcg64(42), 100, 7)]).toEqual([99, 85, 42, 62, 8, 73, 97]);
    expect([...distinctBelow(pcg64(5), 12, 12)]).toEqual([2, 8, 9, 3, 5, 10, 7, 0, 1, 11, 6, 4]);
  });

  it('chooses many of a large population by another algorithm, as there', () => {
    const chosen = distinctBelow(pcg64(7), 20_000, 500);
    expect([...chosen.slice(0, 8)]).toEqual([7349, 10231, 16198, 13269, 12921, 3744, 2608, 16458]);
    expect(chosen.reduce((sum, value) => sum + value, 0)).toBe(5_185_373);
    expect(new Set(chosen).size).toBe(500);
  });

  it('shuffles a list in place', () => {
    const list = Int32Array.from({ length: 9 }, (_, i) => i);
    expect(maskedShuffle(pcg64(42), list)).toBe(list);
    expect([...list]).toEqual([3, 0, 7, 2, 4, 6, 1, 5, 8]);
  });
});
