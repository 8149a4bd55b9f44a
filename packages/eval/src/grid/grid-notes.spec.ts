import { describe, expect, it } from '@jest/globals';
import type { CellResults } from './grid-folder.js';
import { warningsOf } from './grid-notes.js';

const cellOf = (id: string, results: readonly object[]) =>
  ({ cell: { id }, results, planned: [], damaged: [] }) as unknown as CellResults;
const result = (method: string, dataSeed: number, ...warnings: string[]) => ({
  ...{ method, dataSeed, warnings },
  path: `${method.toLowerCase()}-${dataSeed}`,
});

describe('warnings of a grid', () => {
  it('are told once, with the runs that gave them', () => {
    const shared = { ...result('D', 13, 'cut'), path: 'b-13' };
    const cells = [
      cellOf('x', [result('A', 13, 'slow'), result('B', 13, 'cut'), shared]),
      cellOf('y', [result('A', 21, 'slow')]),
    ];
    expect(warningsOf(cells)).toEqual([
      'Warning: slow (A on x, data seed 13 and 1 more)',
      'Warning: cut (D on x, data seed 13)',
    ]);
    expect(warningsOf([cellOf('x', [result('A', 13)])])).toEqual([]);
  });

  it('are not all shown where there are many', () => {
    const many = Array.from({ length: 30 }, (_, seed) => result('A', seed, `prompt ${seed} was cut`));
    const told = warningsOf([cellOf('x', many)]);
    expect(told).toHaveLength(21);
    expect(told.at(-1)).toBe('10 more warnings stand in the summaries of the runs.');
  });
});
