import { describe, expect, it } from '@jest/globals';
import { expandGrid } from './expand-grid.js';
import type { GridConfigInput } from './grid-config.js';
import { estimateSeconds } from './plan-grid.js';

const grid = (methods: readonly unknown[], more: object = {}) =>
  ({ version: 1, tasks: ['spam-subjects'], methods, ...more }) as unknown as GridConfigInput;
const search = { budget: 2, seeds: [77], rateFactors: [1, 3] };
const costs = {
  ...{ model: 'minilm', secondsPerRun: 1, secondsPerStep: 1, secondsPerText: 0.1, secondsPerTest: 0.1 },
  peakMemoryBytes: 1,
};
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

  it('names the folder of a labelled file whatever its letters, and tries whose values are long or look alike', () => {
    const fileTask = (file: string) => ({ task: 'file', file: { file, textColumn: 'text', labelColumn: 'label' } });
    const idOf = (file: string) => expandGrid(grid(['majority'], { tasks: [fileTask(file)] })).cells[0]!.id;
    expect(idOf('data/my reviews.v2.csv')).toBe('my-reviews.v2-minilm-100');
    expect(idOf('.hidden.csv')).toBe('hidden-minilm-100');
    const [a, b] = ['данные.csv', '例.csv'].map(idOf);
    expect(a).toMatch(/^file-[0-9a-f]{6}-minilm-100$/);
    expect(a).not.toBe(b);
    const groups = ['lora_a', 'lora_b'].map((end) => [
      { parameters: `encoder.layer.0.attention.self.query.${end}`, learningRate: 1e-3 },
    ]);
    const { cells } = expandGrid(
      grid([{ name: 'lora', search: { 'train.groups': groups } }], { search: { budget: 2, seeds: [77] } }),
    );
    expect(cells[0]!.search!.tries.map(({ name }) => name.slice(-2))).toEqual(['_1', '_2']);
  });

  it('takes as long as its runs, however they are written', () => {
    const secondsOf = (...methods: readonly unknown[]) => estimateSeconds(expandGrid(grid(methods)), [costs]);
    const written = (preset: string, train: object) => ({ name: preset, preset, train });
    expect(secondsOf(written('lora', { validation: { mode: 'midpoint' } }))).toBe(secondsOf('lora'));
    expect(secondsOf(written('contrastive-lora', { steps: 250, batchSize: 16 }))).toBe(secondsOf('contrastive-lora'));
    // Pairs are not judged on the way.
    expect(secondsOf('contrastive-lora')).toBeLessThan(secondsOf(written('lora', { steps: 250, batchSize: 16 })));
    expect(secondsOf('lora', 'majority')).toBe(secondsOf('lora'));
  });

  it('takes the development set of its protocol', () => {
    const train = { steps: 100, evaluateEvery: { epochs: 0, minSteps: 10 } };
    const secondsOf = (task: string, data: object) =>
      estimateSeconds(expandGrid(grid(['lora'], { train, data, tasks: [task], shots: [10] })), [costs]);
    // A run, its steps, and the test of a thousand rows; ten evaluations are the rest.
    const evaluated = (data: object, task = 'trec') => Math.round(secondsOf(task, data) - (1 + 100 + 100));
    expect(evaluated({ protocol: 'same_k' })).toBe(10);
    expect(evaluated({ protocol: 'none' })).toBe(0);
    expect(evaluated({ protocol: 'fixed', devSize: 500 })).toBe(500);
    expect(evaluated({ protocol: 'per_class' })).toBe(60);
    expect(evaluated({ protocol: 'budget', devFraction: 0.2 })).toBe(2);
    const file = { file: 'x.csv', textColumn: 'text', labelColumn: 'label' };
    expect(evaluated({ protocol: 'per_class' }, { task: 'file', file } as unknown as string)).toBe(20);
  });
});
