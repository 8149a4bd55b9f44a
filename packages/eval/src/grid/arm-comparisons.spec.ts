import { describe, expect, it } from '@jest/globals';
import { compareMethods } from '../statistics/compare-methods.js';
import { analyseGrid } from './analyse-grid.js';
import { effectsOf, overallDifferences, paretoOf, ranksOf } from './arm-comparisons.js';
import type { GridConfig } from './grid-config.js';
import type { ArmResult, CellResults, StoredGrid } from './grid-folder.js';
import { notesOf } from './grid-notes.js';
import { gridTables } from './grid-tables.js';

type Change = Partial<ArmResult>;
const result = (
  method: string,
  dataSeed: number,
  trainSeed: number,
  headline: number,
  change: Change = {},
): ArmResult =>
  ({
    ...{ method, dataSeed, trainSeed, kind: 'trained', status: 'done', splitHash: `split-${dataSeed}` },
    ...{ test: { test: { headline } }, headlineSplit: 'test', headlineMetric: 'accuracy', path: '/nowhere', rule: '' },
    ...{ trainableParameters: 100, fileBytes: 100, secondsPerStep: 1, ...change },
  }) as ArmResult;
const failed: Change = { status: 'failed', test: {} };

/** Values by arm, data seed and training seed. */
const resultsOf = (values: Readonly<Record<string, readonly (readonly number[])[]>>): ArmResult[] =>
  Object.entries(values).flatMap(([method, splits]) =>
    splits.flatMap((own, split) => own.map((value, seed) => result(method, 13 + split, seed, value))),
  );
const cellOf = (id: string, results: readonly ArmResult[], planned = results): CellResults => {
  const arms = [
    ...new Map(planned.map(({ method, kind }) => [method, { name: method, kind, trial: method, rule: '' }])).values(),
  ];
  return { cell: { id, task: id, model: 'm', shots: 8, arms, trials: null }, results, planned, damaged: [] };
};
const gridOf = (cells: readonly CellResults[], config: Partial<GridConfig> = {}) =>
  ({ config: { margin: 1, ...config }, command: '', cells: cells.map(({ cell }) => cell) }) as unknown as StoredGrid;

describe('differences over all cells', () => {
  // D is A plus noise; seed 1 is ten points easier, and A failed on it.
  const noise = [0.1, -0.1, 0.2, -0.1, 0];
  const paired = resultsOf({
    A: noise.map((_, split) => [70 + split, 80 + split]),
    D: noise.map((value, split) => [70 + split + value, 80 + split]),
  }).map((one) => (one.method === 'A' && one.trainSeed === 1 ? { ...one, ...failed } : one));

  it('are of the seeds that both arms finished, as those of the table', () => {
    const [found, ...others] = overallDifferences(paired, ['A'], 1);
    expect(others).toEqual([]);
    found!.differences.forEach((value, split) => expect(value).toBeCloseTo(noise[split]!, 9));
    expect(found!.equivalence.equivalent).toBe(true);
    expect(found!.signFlipP).toBeGreaterThan(0.5);
    const row = compareMethods(paired, { references: ['A'] }).rows.find(({ method }) => method === 'D')!;
    expect(found!.equivalence.mean).toBeCloseTo(row.differences.A!.mean, 12);
    expect(found!.differences.length).toBe(row.differences.A!.n);
  });

  it('are none without a common seed', async () => {
    const apart = paired.filter(({ method, trainSeed }) => (method === 'A') === (trainSeed === 0));
    const cells = [cellOf('c', apart, paired)];
    const analysis = await analyseGrid(gridOf(cells, { references: ['A'] }), cells);
    expect(analysis.differences).toMatchObject([{ method: 'D', differences: [] }]);
    const { rows } = gridTables(analysis, 1).find(({ id }) => id === 'differences')!;
    expect(rows).toEqual([['D', 'A', '0', '-', '-', '-', '-', '-', 'no pair']]);
  });

  it('compare two references once', async () => {
    const cells = [
      cellOf(
        'c',
        resultsOf({ A: [[70], [71], [72], [73]], B: [[75], [76.5], [77], [78.5]], C: [[70.5], [71], [73], [73]] }),
      ),
    ];
    const analysis = await analyseGrid(gridOf(cells, { references: ['A', 'B'] }), cells);
    const { rows } = gridTables(analysis, 1).find(({ id }) => id === 'differences')!;
    expect(rows.map(([method, reference]) => `${method} | ${reference}`)).toEqual(['B | A', 'C | A', 'C | B']);
    expect(rows.map((row) => row.at(-1))).not.toContain('no pair');
    expect([rows[0]![3], rows[0]![8]]).toEqual(['+5.3', 'better']);
  });

  it('with one data split are of training seeds, as those of the table', () => {
    const one = resultsOf({ A: [[70, 71, 73]], B: [[71, 73, 74]] });
    expect(overallDifferences(one, ['A'], 1)[0]!.differences).toEqual([1, 2, 1]);
  });

  it('find the results where the first trial failed, whatever the task calls its test set', async () => {
    const matched = resultsOf({ A: [[70], [71]], B: [[72], [74]] }).map((one, index) => ({
      ...one,
      headlineSplit: 'matched',
      ...(index === 0 ? failed : { test: { matched: one.test.test! } }),
    }));
    const cells = [cellOf('c', matched)];
    const { overall, differences } = await analyseGrid(gridOf(cells, { references: ['A'] }), cells);
    expect(overall!.rows.map(({ n }) => n)).toEqual([1, 2]);
    expect(differences[0]!.differences).toEqual([3]);
  });

  it('count a result that is no number as missing', async () => {
    const cells = [cellOf('c', resultsOf({ A: [[70], [71], [72]], B: [[72], [NaN], [75]] }))];
    const { cells: found, differences, ranks, pareto } = await analyseGrid(gridOf(cells, { references: ['A'] }), cells);
    expect(found[0]!.missing).toBe(1);
    expect(differences[0]!.differences).toEqual([2, 3]);
    expect(ranks!.meanRanks).toEqual([2, 1]);
    expect(pareto.map(({ units }) => units)).toEqual([2, 2]);
  });
});

describe('ranks', () => {
  const two = cellOf('two', resultsOf({ x: [[70]], y: [[75]] }));
  const three = cellOf('three', resultsOf({ x: [[80]], y: [[75]], z: [[70]] }));

  it('are of all arms, whatever the order of the cells, and name the cells that lack one', () => {
    const expected = { methods: ['x', 'y', 'z'], cells: 1, leftOut: ['two'], meanRanks: [1, 2, 3] };
    expect(ranksOf([two, three])).toMatchObject(expected);
    expect(ranksOf([three, two])).toMatchObject(expected);
    expect(ranksOf([cellOf('none', []), three])).toMatchObject({ ...expected, leftOut: ['none'] });
    expect(ranksOf([cellOf('none', []), two])).toMatchObject({ methods: ['x', 'y'], cells: 1, meanRanks: [2, 1] });
    expect(ranksOf([two, cellOf('z', resultsOf({ z: [[1]] }))])).toBeNull();
  });

  it('are over seeds that all arms finished', () => {
    // y lost its good seed: on the one that both have it is better.
    const cell = cellOf('c', resultsOf({ x: [[70, 90]], y: [[72]] }));
    expect(ranksOf([cell])!.meanRanks).toEqual([2, 1]);
  });
});

describe('costs', () => {
  it('and scores are over the seeds that all arms finished', () => {
    // The runs that y lacks are the good and expensive ones of x.
    const cheap = [13, 14].flatMap((seed) => [result('x', seed, 0, 70, { fileBytes: 10 }), result('y', seed, 0, 71)]);
    const others = [result('x', 13, 1, 90, { fileBytes: 1000 }), result('x', 15, 0, 90, { fileBytes: 1000 })];
    const [x, y] = paretoOf([...cheap, ...others]);
    expect(x).toMatchObject({ method: 'x', units: 2, fileBytes: 10, probability: 1 });
    expect(y).toMatchObject({ method: 'y', units: 2, fileBytes: 100, probability: 1 });
  });

  it('are none without common seeds', () => {
    expect(paretoOf([result('x', 13, 0, 70), result('y', 14, 0, 70)])).toEqual([]);
  });
});

describe('the notes of a report', () => {
  const notesFor = async (cells: readonly CellResults[], config: Partial<GridConfig> = {}) => {
    const data = { testCap: null } as GridConfig['data'];
    const grid = gridOf(cells, { seeds: { data: [13, 14], train: [0, 1] }, data, ...config });
    return notesOf(grid, await analyseGrid(grid, cells));
  };

  it('say that test sets were cut', async () => {
    const cells = [cellOf('c', resultsOf({ x: [[70], [71]] }))];
    const cut = { testCap: 500 } as GridConfig['data'];
    expect((await notesFor(cells, { data: cut })).join(' ')).toContain('cut to 500 rows');
    expect((await notesFor(cells)).join(' ')).not.toContain('cut to');
  });

  it('name what ranks and costs leave out', async () => {
    const [x, y] = [resultsOf({ x: [[70], [71]] }), resultsOf({ y: [[75], [76]] })];
    const whole = await notesFor([cellOf('c', [...x, ...y])]);
    expect(whole.filter((note) => /Ranks|ranks|costs/.test(note))).toEqual([]);
    const part = await notesFor([cellOf('one', x), cellOf('both', [...x, ...y])]);
    expect(part).toContain('Ranks leave out cells without results of all arms on common seeds: one.');
    const apart = await notesFor([cellOf('one', x), cellOf('other', y)]);
    expect(apart).toContain('No ranks: no cell has results of all arms on common seeds.');
    expect(apart).toContain('No costs: the arms have no seeds in common that all of them finished.');
  });

  it('say what a pair is', async () => {
    const results = resultsOf({ x: [[70, 71]], y: [[75, 77]] });
    expect(await notesFor([cellOf('c', results)])).toContain(
      'A pair is one training seed on the only data split: nothing is said of other splits.',
    );
    const many = await notesFor([cellOf('c', resultsOf({ x: [[70], [71]], y: [[75], [77]] }))]);
    expect(many.join(' ')).toContain(
      'the mean over those training seeds that both arms finished (seed 0, seed 1 are planned)',
    );
  });

  it('say why there are no effects of factors', async () => {
    const cells = [cellOf('c', resultsOf({ x: [[70]], y: [[75]] }))];
    expect(await notesFor(cells, { factors: { a: ['x'], b: ['x'] } })).toContain(
      'No effects of factors: no arm has a; b.',
    );
  });
});

describe('effects of factors', () => {
  const factors = { prefix: ['P', 'PL'], lora: ['L', 'PL'] };
  const values = { base: [[60], [61]], P: [[62], [64]], L: [[61], [62]], PL: [[65], [66]] };
  const effects = (results: readonly ArmResult[], config: Partial<GridConfig> = {}) => {
    const cells = [cellOf('c', results)];
    return effectsOf(gridOf(cells, { factors, ...config }), results);
  };

  it('stay the same beside arms that no factor names', () => {
    const plain = effects(resultsOf(values));
    expect(plain.effects.map(({ factors: names, n }) => [names.join(' x '), n])).toEqual([
      ['prefix', 2],
      ['lora', 2],
      ['prefix x lora', 2],
    ]);
    expect(plain.notes).toEqual([]);
    const more = effects(resultsOf({ bitfit: [[90], [91]], ...values }), { references: ['base'] });
    expect(more.effects).toEqual(plain.effects);
    expect(more.notes).toEqual(['Factors: bitfit left out; the arm without factors is base.']);
  });

  it('are of seeds that all arms of the design finished', () => {
    // Seed 1 is ten points easier, and P alone lacks it.
    const seeds = resultsOf({
      base: [
        [60, 70],
        [61, 71],
      ],
      P: [[62], [64]],
      L: [
        [61, 71],
        [62, 72],
      ],
      PL: [
        [65, 75],
        [66, 76],
      ],
    });
    expect(effects(seeds)).toEqual(effects(resultsOf(values)));
  });

  it('say why there are none', () => {
    const notes = (found: ReturnType<typeof effects>) => (found.effects.length > 0 ? 'effects' : found.notes.join(' '));
    const { PL: _, ...without } = values;
    expect(notes(effects(resultsOf(without)))).toBe('No effects of factors: no arm has prefix and lora.');
    const one = resultsOf(values).map((each) => (each.method === 'P' ? { ...each, ...failed } : each));
    expect(notes(effects(one))).toMatch(
      /^No effects of factors: base, P, L, PL have no data seed .* all of them finished/,
    );
    expect(
      notes(effects(resultsOf({ ...values, P2: values.P }), { factors: { ...factors, prefix: ['P', 'P2', 'PL'] } })),
    ).toBe('No effects of factors: several arms with prefix: P, P2.');
  });
});
