import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { applyMutant } from './mutant.js';
import { mutants } from './mutants.js';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

describe('the list of deliberate faults', () => {
  it('has at least 20, each of its own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(20);
    expect(new Set(mutants.map(({ fault }) => fault)).size).toBe(mutants.length);
  });

  it.each(mutants.map((mutant) => [mutant.fault, mutant] as const))('%s: still fits the code', (_, mutant) => {
    expect(applyMutant(read(mutant.file), mutant)).not.toBe(read(mutant.file));
  });

  it('says where one does not', () => {
    const stale = { fault: 'f', file: 'a.ts', find: 'x', replace: 'y', suites: 's' };
    expect(() => applyMutant('xx', stale)).toThrow('occurs 2 times');
    expect(() => applyMutant('z', stale)).toThrow('a.ts');
  });
});
