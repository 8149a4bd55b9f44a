import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { comparisons } from '../bench/src/suite/comparisons.js';
import { readFigures } from '../bench/src/suite/figures.js';
import { drawGrowth, insertFigures, performancePage, performancePicture } from '../bench/src/suite/page.js';

const figures = readFigures();

it('the page on performance is what npm run docs:performance writes', async () => {
  const page = readFileSync(performancePage, 'utf8');
  expect(await insertFigures(page, figures)).toBe(page);
  expect(await drawGrowth(figures)).toBe(readFileSync(performancePicture, 'utf8'));
});

it('each comparison of the suite was measured, with what it has today', () => {
  const shown = (contenders: readonly object[]) =>
    contenders.map((one) => Object.fromEntries(Object.entries(one).filter(([key]) => !timed.has(key))));
  const timed = new Set(['rounds', 'cpu', 'peakMegabytes']);
  for (const { id, contenders } of comparisons)
    expect([id, shown(figures.find((one) => one.id === id)!.results)]).toEqual([id, shown(contenders)]);
});
