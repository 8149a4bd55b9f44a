import { describe, expect, it } from '@jest/globals';
import { narrowBF16, narrowF16, widenBF16, widenF16 } from './half-floats.js';

const every16BitWord = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** The definition of IEEE 754 binary16, by arithmetic. */
function halfByDefinition(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >>> 10) & 0x1f;
  const fraction = (word & 0x3ff) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

describe('half floats', () => {
  it('widens all 65,536 half floats exactly, the sign of zero included', () => {
    const wide = widenF16(every16BitWord);
    const wrong = every16BitWord.filter((word) => !Object.is(wide[word], Math.fround(halfByDefinition(word))));
    expect([...wrong]).toEqual([]);
  });

  it('narrows every half float to itself', () => {
    const back = narrowF16(widenF16(every16BitWord));
    const numbers = every16BitWord.filter((word) => !Number.isNaN(halfByDefinition(word)));
    expect([...numbers.filter((word) => back[word] !== word)]).toEqual([]);
    expect((back[0x7c01]! & 0x7c00) === 0x7c00 && (back[0x7c01]! & 0x3ff) !== 0).toBe(true);
  });

  it('rounds to the nearest half float, ties to even', () => {
    const cases: [number, number][] = [
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
      [1 + 2 ** -11 + 2 ** -20, 0x3c01],
      [2 ** -25, 0x0000],
      [2 ** -25 * 1.0001, 0x0001],
      [3 * 2 ** -25, 0x0002],
      [2 ** -14 - 2 ** -26, 0x0400],
      [65519.996, 0x7bff],
      [65520, 0x7c00],
      [-1e-45, 0x8000],
    ];
    expect([...narrowF16(Float32Array.from(cases, ([value]) => value))]).toEqual(cases.map(([, word]) => word));
  });

  it('widens and narrows bfloat16', () => {
    expect([...widenBF16(new Uint16Array([0x3f80, 0xc049, 0x0001, 0x7f80]))]).toEqual([
      1,
      -3.140625,
      2 ** -133,
      Infinity,
    ]);
    const cases: [number, number][] = [
      [1 + 2 ** -8, 0x3f80],
      [1 + 3 * 2 ** -8, 0x3f82],
      [1 + 2 ** -8 + 2 ** -20, 0x3f81],
      [-Infinity, 0xff80],
    ];
    expect([...narrowBF16(Float32Array.from(cases, ([value]) => value))]).toEqual(cases.map(([, word]) => word));
    expect(widenBF16(narrowBF16(new Float32Array([NaN])))[0]).toBeNaN();
    const back = narrowBF16(widenBF16(every16BitWord));
    expect(every16BitWord.filter((word) => (word & 0x7fff) <= 0x7f80 && back[word] !== word)).toHaveLength(0);
  });

  it('leaves views of a larger buffer intact', () => {
    const buffer = new Float32Array([9, 1, 2, 9]);
    expect([...widenF16(narrowF16(buffer.subarray(1, 3)))]).toEqual([1, 2]);
  });
});
