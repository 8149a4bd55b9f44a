import { describe, expect, it } from '@jest/globals';
import { expandGrid } from './expand-grid.js';
import type { GridConfigInput } from './grid-config.js';
import { estimateSeconds } from './plan-grid.js';

const grid = (methods: readonly unknown[], more: object = {}) =>
  ({ version: 1, tasks: ['spam-subjects'], methods, ...more }) as unknown as GridConfigInput;
const search = { budget: 2, seeds: [77], rateFactors: [1, 3] };
const tried = { 'train.learningRate': [1e-4, 1e-3] };

describe('a grid', () => {
  it.each([
    ['values to try without tries', grid([{ name: 'lora', search: tried }])],
    ['values to try of a floor', grid(['lora', { name: 'majority', search: tried }], { search })],
    ['settings of a floor', grid(['lora', { name: 'majority', train: { learningRate: 1 } }])],
    ['a recipe of a floor', grid(['lora', { name: 'majority', recipe: 'contrastive' }])],
    ['tries without a development set', grid(['lora'], { search, data: { protocol: 'none' } })],
  ])('refuses %s, which would have no effect', (_, input) => {
    expect(() => expandGrid(input)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('takes as long as its runs, however they are written', () => {
    const costs = { model: 'minilm', secondsPerRun: 1, secondsPerStep: 1, secondsPerText: 0.1, peakMemoryBytes: 1 };
    const secondsOf = (...methods: readonly unknown[]) => estimateSeconds(expandGrid(grid(methods)), [costs]);
    const written = (preset: string, train: object) => ({ name: preset, preset, train });
    expect(secondsOf(written('lora', { validation: { mode: 'midpoint' } }))).toBe(secondsOf('lora'));
    expect(secondsOf(written('contrastive-lora', { steps: 250, batchSize: 16 }))).toBe(secondsOf('contrastive-lora'));
    // Pairs are not judged on the way.
    expect(secondsOf('contrastive-lora')).toBeLessThan(secondsOf(written('lora', { steps: 250, batchSize: 16 })));
    expect(secondsOf('lora', 'majority')).toBe(secondsOf('lora'));
  });
});
