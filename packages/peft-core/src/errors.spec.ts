import { describe, expect, it } from '@jest/globals';
import { growthOfTime, linearGrowth } from '../../../tools/jest/growth-of-time.js';
import { isPeftError, nearMisses, PeftError } from './errors.js';

describe('PeftError', () => {
  it('says what was found, what was expected and what to do', () => {
    const cause = new Error('inner');
    const error = new PeftError('A_CODE', { found: 'three', expected: 'four.', fix: 'add one', cause });
    expect(error.message).toBe('three. Expected: four. To fix: add one.');
    expect([error.code, error.name, error.cause]).toEqual(['A_CODE', 'PeftError', cause]);
    expect(new PeftError('A_CODE', { found: 'three' }).message).toBe('three.');
  });

  it('is known by name and code, so that another copy of the package will do', () => {
    expect(isPeftError(new PeftError('A', { found: 'x' }))).toBe(true);
    expect(isPeftError(Object.assign(new Error('x'), { name: 'PeftError', code: 'A' }))).toBe(true);
    for (const other of [
      new Error('x'),
      Object.assign(new Error('x'), { code: 'ENOENT' }),
      { name: 'PeftError', code: 'A' },
      null,
    ])
      expect(isPeftError(other)).toBe(false);
  });
});

describe('nearMisses', () => {
  it('gives the closest first, without regard to case', () => {
    expect(nearMisses('qeury', ['value', 'key', 'query', 'queries'])).toEqual(['query', 'key', 'queries'].slice(0, 1));
    expect(nearMisses('LORA', ['lora', 'prefix'])).toEqual(['lora']);
  });

  it('gives names that contain the wanted one, and at most as many as asked for', () => {
    expect(nearMisses('dense', ['intermediate.dense', 'x'])).toEqual(['intermediate.dense']);
    expect(nearMisses('a', ['ab', 'ac', 'ad', 'ae'], 2)).toHaveLength(2);
    expect(nearMisses('query', [])).toEqual([]);
    expect(nearMisses('query', ['intermediate'])).toEqual([]);
  });

  it('does not compare long names letter by letter', async () => {
    const work = (length: number) =>
      nearMisses(
        'x'.repeat(length / 100),
        Array.from({ length: 50 }, (_, i) => 'y'.repeat(length + i)),
      );
    expect(await growthOfTime(work, 100_000)).toBeLessThan(linearGrowth);
  });
});
