import { readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  analyseGrid,
  calibrateGrid,
  designPower,
  estimateSeconds,
  expandGrid,
  type GridConfigInput,
  gridFiles,
  readCellResults,
  readCell,
  readGrid,
  runGrid,
  type RunGridOptions,
  writeGridReport,
} from '@tfjs-peft/eval/grid';
import { copyRecords, planSweep, readSweepStatus, startSweep } from '@tfjs-peft/eval/sweep';
import { jsonChecksum, type JsonObject } from '@tfjs-peft/peft-core/files';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { lockFolder } from '../src/run-folder/folder-lock.js';
import { chooseTry } from '../src/grid/search-space.js';
import { parseYaml } from '../src/index.js';
import { tinyExperiment, tinyPrefix, tinySubspace } from './tiny-experiment.js';

useTestBackend();

const arms = [
  { name: 'A', preset: 'prefix' },
  { name: 'B', preset: 'prefix-subspace', train: { validation: { mode: 'midpoint' } } },
  { name: 'C', preset: 'prefix', train: { validation: { mode: 'dropout' } } },
  { name: 'D', preset: 'prefix-subspace' },
  { name: 'again', preset: 'prefix-subspace' },
] as const;
const grid = (changes: Partial<GridConfigInput> = {}): GridConfigInput => ({
  version: 1,
  tasks: ['spam-subjects'],
  methods: ['majority', ...arms] as unknown as GridConfigInput['methods'],
  seeds: { data: [13, 21], train: [0, 1] },
  ...changes,
});
const errorOf = (changes: Record<string, unknown>) => {
  try {
    return expandGrid(grid(changes as never)) && 'no error';
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
};

describe('expandGrid', () => {
  it('makes a cell of each task, host and K, and one run of arms that differ in the rule of selection', () => {
    const found = expandGrid(grid({ shots: [50, 100], models: ['minilm', './other/bge'] }));
    expect(found.cells.map(({ id }) => id)).toEqual([
      'spam-subjects-minilm-50',
      'spam-subjects-minilm-100',
      'spam-subjects-bge-50',
      'spam-subjects-bge-100',
    ]);
    expect(found.cells[0]!.arms.map(({ name, trial, rule }) => [name, trial, rule])).toEqual([
      ['majority', 'majority', ''],
      ['A', 'A', ''],
      ['B', 'B', ''],
      ['C', 'A', 'C'],
      ['D', 'B', 'D'],
      ['again', 'B', 'D'],
    ]);
    // A floor once a data seed, two trained methods on four seeds.
    expect([found.trials, found.shared]).toEqual([4 * (2 + 2 * 4), 4 * 3 * 4]);
    const [, , b] = found.cells[0]!.experiment.methods;
    expect(b).toMatchObject({ name: 'B', train: { selections: { D: { mode: 'stochastic', draws: 10 } } } });
  });

  it('tries as many settings of each method, on data that are not reported', () => {
    const search = { budget: 2, seeds: [77], rateFactors: [0.5, 1] };
    const methods = ['majority', 'lora', { name: 'p', preset: 'prefix', search: { 'train.steps': [5, 10] } }];
    const [cell] = expandGrid(grid({ methods: methods as never, search })).cells;
    expect(cell!.search!.tries.map(({ name, values }) => [name, values])).toEqual([
      ['lora_0.00025', { 'train.learningRate': 0.00025 }],
      ['lora_0.0005', { 'train.learningRate': 0.0005 }],
      ['p_5', { 'train.steps': 5 }],
      ['p_10', { 'train.steps': 10 }],
    ]);
    expect(cell!.search!.experiment).toMatchObject({ seeds: { data: [77], train: [0] } });
    const dev = (name: string) => ({ 'lora_0.00025': 70, 'lora_0.0005': 70, p_5: NaN, p_10: 3 })[name];
    const chosen = (method: string) =>
      chooseTry(
        cell!.search!.tries.filter((one) => one.method === method),
        dev,
      )?.name;
    expect([chosen('lora'), chosen('p'), chosen('majority')]).toEqual(['lora_0.00025', 'p_10', undefined]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown task', { tasks: ['spam-subject'] }, /^UNKNOWN_TASK.*spam-subjects/s],
    ['an unknown method', { methods: ['lorra'] }, /^UNKNOWN_PRESET.*did you mean "lora"/s],
    ['an unknown key', { task: 'sst2' }, /^CONFIG_INVALID.*tasks/s],
    ['an unknown reference', { references: ['E'] }, /^UNKNOWN_METHOD.*majority, A, B/s],
    ['a factor of an unknown arm', { factors: { p: ['D', 'agaim'] } }, /^UNKNOWN_METHOD.*did you mean "again"/s],
    ['no methods', { methods: [] }, /^CONFIG_INVALID.*methods/s],
    ['no tasks', { tasks: [] }, /^CONFIG_INVALID.*tasks/s],
    ['a cell twice', { models: ['./a/bge', './b/bge'] }, /^GRID_CELL_REPEATED.*spam-subjects-bge-100/s],
    ['a name twice', { methods: ['lora', 'lora'] }, /^METHOD_NAME_TAKEN/],
    [
      'unequal searches',
      {
        methods: ['lora', { name: 'p', preset: 'prefix', search: { 'train.steps': [5] } }],
        search: { budget: 2, seeds: [7], rateFactors: [1, 2] },
      },
      /^SEARCH_UNEQUAL.*1 tries of "p"/s,
    ],
    [
      'a search on what is reported',
      { search: { budget: 1, seeds: [13], rateFactors: [1] } },
      /^SEARCH_SEED_REPORTED.*13/s,
    ],
  ])('refuses %s', (_, changes, message) => expect(errorOf(changes)).toMatch(message));

  it('refuses two arms of one combination of factors, and takes a reference for the one without', () => {
    const unbalanced = (factors: Record<string, string[]>, more = {}) => errorOf({ factors, ...more });
    expect(unbalanced({ p: ['A'] })).toMatch(/^DESIGN_UNBALANCED.*none of the factors: B, C, D, again.*`references`/s);
    expect(unbalanced({ p: ['A'] }, { references: ['B'] })).toBe('no error');
    // Floors are in no design: the default reference is one.
    expect(unbalanced({ p: ['A', 'C', 'D', 'again'] })).toMatch(/^DESIGN_UNBALANCED.*with p: A, C, D, again/s);
    const three = { methods: ['head', 'lora', 'bitfit'] };
    // Without floors the first arm is the reference.
    expect(unbalanced({ l: ['lora'] }, three)).toBe('no error');
    expect(unbalanced({ l: ['lora', 'bitfit'] }, { ...three, references: ['head'] })).toMatch(
      /^DESIGN_UNBALANCED.*lora, bitfit/s,
    );
  });

  it('counts the comparisons of the report', () => {
    const power = (changes: Partial<GridConfigInput>, data = [1]) =>
      designPower(expandGrid(grid({ seeds: { data, train: [0] }, ...changes })));
    // Without floors and references the first arm is the reference, and one is left to compare with it.
    const two = power({ methods: ['lora', 'bitfit'] }, [1, 2, 3, 4, 5]);
    expect(two.comparisons).toBe(1);
    expect(two.inCell).toBeCloseTo(1.68, 2);
    expect(power({ methods: ['majority', 'lora', 'bitfit'] })).toMatchObject({ comparisons: 2 });
    // Two references are compared once, and one that is named twice is one.
    const three = ['majority', 'lora', 'bitfit', 'head'];
    expect(power({ methods: three, references: ['lora', 'bitfit'] })).toMatchObject({ comparisons: 3 });
    expect(power({ methods: three, references: ['lora', 'lora'] })).toMatchObject({ comparisons: 2 });
    expect(power({ methods: three, references: ['majority'] })).toMatchObject({ comparisons: 3 });
  });

  it('says what a design can separate', () => {
    const five = designPower(expandGrid(grid({ seeds: { data: [1, 2, 3, 4, 5], train: [0] }, references: ['A'] })));
    expect(five).toMatchObject({ splits: 5, pairs: 5, comparisons: 4 });
    expect(five.inCell).toBeGreaterThan(2);
    expect(designPower(expandGrid(grid({ seeds: { data: [1], train: [0] } }))).inCell).toBeNull();
  });

  it('reads the grids of the repository', () => {
    const folder = fileURLToPath(new URL('../../../configs', import.meta.url));
    for (const name of readdirSync(folder)) {
      const config = parseYaml(readFileSync(join(folder, name), 'utf8'), name, { aliases: 100 }) as GridConfigInput;
      expect([name, expandGrid(config).trials > 0]).toEqual([name, true]);
    }
  });
});

async function tinyGrid(changes: Partial<GridConfigInput> = {}) {
  const { config, root, out } = await tinyExperiment();
  const { shots, file, ...data } = config.data!;
  const input: GridConfigInput = {
    version: 1,
    name: 'tiny <b>',
    tasks: [{ task: 'file', file }],
    shots: [shots!],
    models: [config.model as { name: string }],
    methods: [
      'majority',
      { ...tinyPrefix, name: 'A' },
      { ...tinySubspace, name: 'B', train: { ...tinySubspace.train, validation: { mode: 'midpoint' } } },
      { ...tinySubspace, name: 'D' },
    ],
    data,
    train: config.train,
    seeds: { data: [13, 21], train: [0] },
    references: ['A'],
    factors: { simplex: ['B'], drawn: ['D'] },
    test: { trace: true },
    ...changes,
  };
  const run = (more: Partial<RunGridOptions> = {}) =>
    runGrid(input, { folder: out, backend: 'current', command: 'npx tfjs-peft ablate tiny.yaml', ...more });
  return { input, out, root, run };
}

describeOnNative('a grid', () => {
  let tiny: Awaited<ReturnType<typeof tinyGrid>>;
  const trialsIn = () => {
    const [cell] = readdirSync(gridFiles(tiny.out).cells);
    const folder = join(gridFiles(tiny.out).cells, cell!, 'trials');
    return readdirSync(folder).map((name) => join(folder, name));
  };
  const trialOf = (method: string) => trialsIn().find((path) => path.includes(`/${method}-13-0-`))!;

  beforeAll(async () => {
    tiny = await tinyGrid();
    await tiny.run();
  });

  it('runs once, reports from its files, and uses finished trials again', async () => {
    expect(trialsIn().length).toBe(2 + 2 * 2);
    const ends: boolean[] = [];
    await tiny.run({ onEvent: (event) => event.type === 'trial-end' && ends.push(event.reused) });
    expect(ends).toEqual(Array(6).fill(true));
    const { analysis, tables, files } = await writeGridReport(tiny.out);
    expect(analysis.cells[0]).toMatchObject({ missing: 0, shots: 24 });
    expect(analysis.overall!.rows.map(({ method, n }) => [method, n])).toEqual([
      ['majority', 2],
      ['A', 2],
      ['B', 2],
      ['D', 2],
    ]);
    expect(tables.map(({ id }) => id)).toEqual(['results', 'differences', 'selection', 'items', 'costs']);
    // No arm has both factors.
    expect(analysis.effects).toEqual([]);
    expect(analysis.pareto.map(({ method }) => method)).toEqual(['A', 'B', 'D']);
    expect(analysis.rules.map(({ method, rule }) => `${method}: ${rule}`)).toEqual([
      'A: midpoint',
      'B: midpoint',
      'D: stochastic, 4 draws',
      'D: midpoint of the same runs',
    ]);
    const [b, d] = ['B', 'D'].map((name) => analysis.traces.find(({ method }) => method === name)!.points);
    expect(d!.map(({ midpoint }) => midpoint)).toEqual(b!.map(({ midpoint }) => midpoint));
    expect(d!.every(({ stochastic, test }) => stochastic !== undefined && test !== undefined)).toBe(true);
    expect(b!.every(({ stochastic }) => stochastic === undefined)).toBe(true);
    const at = (method: string) => analysis.traces.find((trace) => trace.method === method)!.points[0]!.geometry;
    expect(at('B')!.vertexNorm).toBeGreaterThan(at('B')!.midpointNorm!);
    expect(at('D')).toEqual(at('B'));
    expect(at('A')).toBeUndefined();
    const html = readFileSync(files.html, 'utf8');
    expect(html).toMatch(/Norms of the simplex[\s\S]*Angle between the vertices/);
    expect(html).toContain('tiny &#60;b&#62;');
    expect(html).not.toMatch(/<script(?! type="application\/json")|https?:\/\/(?!www\.w3\.org|vega\.github)/);
    expect(html).toContain('npx tfjs-peft ablate tiny.yaml');
    expect(readFileSync(files.markdown, 'utf8')).toMatch(/\| A \|/);
    expect(readFileSync(files.latex, 'utf8')).toMatch(/\\toprule[\s\S]*\\bottomrule/);
    expect(readFileSync(join(gridFiles(tiny.out).report, 'forest.csv'), 'utf8')).toMatch(/^where,comparison,mean/);
  });

  it('is timed by short runs of its first and its last method', async () => {
    const grid = expandGrid(tiny.input);
    const [found, ...others] = await calibrateGrid(grid, { backend: 'current' });
    expect(others).toEqual([]);
    for (const key of ['secondsPerRun', 'secondsPerStep', 'secondsPerText', 'peakMemoryBytes'] as const)
      expect([key, found![key] > 0]).toEqual([key, true]);
    const [steps, runs] = [grid.config.train.steps!, 2 * 2];
    const least = runs * (found!.secondsPerRun + steps * found!.secondsPerStep);
    expect(estimateSeconds(grid, [found!])).toBeGreaterThan(least);
    // No more rows than the runs themselves take; the file has no others.
    for (const data of [
      { protocol: 'none' as const, stratify: false },
      { protocol: 'fixed' as const, devSize: 8 },
    ]) {
      const [short] = await calibrateGrid(expandGrid({ ...tiny.input, data: { ...tiny.input.data, ...data } }), {
        backend: 'current',
      });
      expect(short!.secondsPerText).toBeGreaterThan(0);
    }
    // A test set that is cut is cheaper.
    const cut = expandGrid({ ...tiny.input, data: { ...tiny.input.data, testCap: 10 } });
    const whole = expandGrid({ ...tiny.input, data: { ...tiny.input.data, testCap: null } });
    expect(estimateSeconds(cut, [found!])).toBeLessThan(estimateSeconds(whole, [found!]));
  });

  it('an interval over splits and items is that of the records', async () => {
    const { analysis } = await writeGridReport(tiny.out);
    const item = analysis.items.find(({ method }) => method === 'D')!;
    const found = analysis.cells[0]!.table!.rows.find(({ method }) => method === 'D')!.differences.A!;
    expect(item.difference!.value).toBeCloseTo(found.mean, 9);
    expect(item.calibration!.brier).toBeGreaterThan(0);
  });

  it('judges a rule that shares a run as a run of its own', async () => {
    const changes = {
      train: { steps: 24, batchSize: 8, patience: 1, tieBreak: 'loss', evaluateEvery: { epochs: 0, minSteps: 2 } },
      seeds: { data: [42], train: [0] },
      factors: undefined,
      references: undefined,
    };
    const methods = [
      { ...tinySubspace, name: 'B', train: { ...tinySubspace.train, validation: { mode: 'midpoint' } } },
      { ...tinySubspace, name: 'D' },
    ];
    const analyses = [];
    for (const own of [methods, methods.slice(1)]) {
      const one = await tinyGrid({ ...changes, methods: own as never });
      await one.run();
      analyses.push((await writeGridReport(one.out)).analysis);
      rmSync(one.root, { recursive: true });
    }
    const [shared, alone] = analyses.map(({ rules, traces }) => ({
      rule: rules.find(({ method, rule }) => method === 'D' && rule.startsWith('stochastic')),
      points: traces.find(({ method }) => method === 'D')!.points,
    }));
    expect(shared).toEqual(alone);
    expect(shared!.rule!.runs).toBe(1);
    // The run went on for the other arm.
    const others = analyses[0]!.traces.find(({ method }) => method === 'B')!.points;
    expect(others.length).toBeGreaterThan(shared!.points.length);
  });

  it('says what is missing, and what cannot be read', async () => {
    const away = trialOf('A');
    renameSync(away, `${tiny.root}/away`);
    truncateSync(join(trialOf('B'), 'items.parquet'), 200);
    const { analysis, tables, notes } = await writeGridReport(tiny.out);
    expect(analysis.cells[0]!.missing).toBe(1);
    expect(tables[0]!.rows.find(([arm]) => arm === 'A')![1]).toContain('(1 missing)');
    const [id] = readdirSync(gridFiles(tiny.out).cells);
    const cell = await readCell(join(gridFiles(tiny.out).cells, id!));
    // Arms that share runs have results of their own.
    expect(cell!.results.map(({ method }) => method).sort()).toEqual(['A', 'B', 'B', 'D', 'D', 'majority', 'majority']);
    expect(cell!.planned.filter(({ method }) => method === 'A')).toHaveLength(2);
    expect(await readCell(tiny.out)).toBeNull();
    expect(analysis.damaged).toEqual([expect.stringMatching(/items\.parquet.*/)]);
    expect(notes.join('\n')).toMatch(/Missing results.*Records left out/s);
    renameSync(`${tiny.root}/away`, away);
  });

  it('refuses results of another host or other rows as pairs, and a changed plan', async () => {
    const path = join(trialOf('A'), 'summary.json');
    const text = readFileSync(path, 'utf8');
    for (const change of [{ hostFingerprint: 'other' }, { splitHash: 'other' }, { dataHash: 'other' }]) {
      const { checksum: _, ...plain } = { ...(JSON.parse(text) as JsonObject), ...(change as object) } as JsonObject;
      writeFileSync(path, JSON.stringify({ ...plain, checksum: jsonChecksum(plain) }));
      await expect(writeGridReport(tiny.out)).rejects.toMatchObject({ code: 'RESULTS_NOT_COMPARABLE' });
    }
    writeFileSync(path, text);
    const plan = gridFiles(tiny.out).plan;
    const before = readFileSync(plan, 'utf8');
    writeFileSync(plan, before.replace('"shots": 24', '"shots": 25'));
    await expect(readGrid(tiny.out)).rejects.toMatchObject({ code: 'GRID_DAMAGED' });
    writeFileSync(plan, before);
    await expect(writeGridReport(tiny.root)).rejects.toMatchObject({ code: 'GRID_MISSING' });
  });

  it('refuses to show results of other data as those of a file, and takes them where the file is gone', async () => {
    const { input, root, out, run } = await tinyGrid({ methods: ['majority'], references: ['majority'], factors: {} });
    await run();
    const path = join(root, 'reviews.csv');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll('w1 ', 'w2 '));
    await expect(run()).rejects.toMatchObject({
      code: 'RUN_FOLDER_OF_ANOTHER_CONFIGURATION',
      message: expect.stringMatching(/other data than .*reviews\.csv has now: dataHash/),
    });
    writeFileSync(path, text);
    const copy = join(root, 'copy');
    await copyRecords(out, copy);
    rmSync(path);
    const warnings: string[] = [];
    await runGrid(input, {
      folder: copy,
      backend: 'current',
      resume: true,
      onEvent: (event) => event.type === 'warning' && warnings.push(event.text),
    });
    expect(warnings).toEqual([expect.stringMatching(/finished runs are those of earlier data/)]);
  });

  it('gives the effects of factors where every combination ran', async () => {
    const { analysis: before } = await writeGridReport(tiny.out);
    const stored = (await readGrid(tiny.out))!;
    const grid = { ...stored, config: { ...stored.config, factors: { simplex: ['B'] } } };
    const cells = (await readCellResults(tiny.out, grid)).map((cell) => ({
      ...cell,
      results: cell.results.filter(({ method }) => method !== 'D'),
    }));
    const { effects } = await analyseGrid(grid, cells);
    expect(effects.length).toBe(1);
    const found = before.cells[0]!.table!.rows.find(({ method }) => method === 'B')!.differences.A!;
    expect(effects[0]!.mean).toBeCloseTo(found.mean, 9);
  });

  it('is copied without weights and paths; the copy reports the same and goes on', async () => {
    const copy = join(tiny.root, 'copy');
    const lost = trialOf('A');
    renameSync(lost, `${tiny.root}/lost`);
    expect((await copyRecords(tiny.out, copy)).trials).toBe(5);
    renameSync(`${tiny.root}/lost`, lost);
    expect(await copyRecords(tiny.out, copy)).toEqual({ trials: 6, bytes: expect.any(Number) });
    const files = readdirSync(copy, { recursive: true, encoding: 'utf8' });
    const names = new Set(files.map((name) => basename(name)).filter((name) => name.includes('.')));
    expect([...names].sort()).toEqual([
      ...['config.resolved.yaml', 'env.json', 'evaluations.parquet', 'grid.json', 'items.parquet', 'split.json'],
      ...['summary.json', 'trials.jsonl'],
    ]);
    for (const name of files.filter((name) => /json|yaml/.test(name)))
      expect([name, readFileSync(join(copy, name), 'utf8').includes(tiny.root)]).toEqual([name, false]);
    const reported = async (folder: string) => {
      const { analysis } = await writeGridReport(folder);
      return JSON.parse(JSON.stringify(analysis).replaceAll(folder, '')) as unknown;
    };
    expect(await reported(copy)).toEqual(await reported(tiny.out));
    const ends: boolean[] = [];
    const seeds = { data: [13, 21, 42], train: [0] };
    await runGrid(
      { ...tiny.input, seeds, methods: tiny.input.methods.slice(0, 2), factors: undefined },
      {
        folder: copy,
        backend: 'current',
        resume: true,
        onEvent: (event) => event.type === 'trial-end' && ends.push(event.reused),
      },
    );
    expect(ends.sort()).toEqual([false, false, true, true, true, true]);
  });

  it('is not copied into itself, and not over another grid', async () => {
    await expect(copyRecords(tiny.out, join(tiny.out, 'copy'))).rejects.toMatchObject({
      code: 'RECORDS_INTO_THEMSELVES',
    });
    await expect(copyRecords(tiny.root, `${tiny.root}-no`)).rejects.toMatchObject({ code: 'GRID_MISSING' });
    const other = `${tiny.root}-other`;
    await planSweep({ ...tiny.input, seeds: { data: [99], train: [0] } }, { folder: other });
    const before = readFileSync(join(other, 'trials.jsonl'), 'utf8');
    await expect(copyRecords(tiny.out, other)).rejects.toMatchObject({ code: 'RUN_FOLDER_OF_ANOTHER_CONFIGURATION' });
    expect(readFileSync(join(other, 'trials.jsonl'), 'utf8')).toBe(before);
    rmSync(other, { recursive: true });
  });

  it('has one writer, and belongs to one grid', async () => {
    const release = await lockFolder(tiny.out);
    await expect(tiny.run()).rejects.toMatchObject({ code: 'FOLDER_IN_USE' });
    release();
    await expect(runGrid({ ...tiny.input, test: {} }, { folder: tiny.out, backend: 'current' })).rejects.toMatchObject({
      code: 'RUN_FOLDER_OF_ANOTHER_CONFIGURATION',
    });
  });

  it('goes on when a trial fails, and does what is left with resume', async () => {
    // Without a head there is nothing to learn from.
    const headless = { type: 'PREFIX_TUNING', config: { prefixLength: 3, mlpHiddenSize: 16 } };
    const methods = [
      { ...tinyPrefix, name: 'A' },
      { name: 'fails', method: headless },
    ];
    const failing = await tinyGrid({
      methods: methods as never,
      seeds: { data: [13], train: [0] },
      test: {},
      factors: undefined,
    });
    await failing.run();
    const { analysis, tables } = await writeGridReport(failing.out);
    expect(analysis.cells[0]!.missing).toBe(1);
    expect(tables[0]!.rows.find(([arm]) => arm === 'fails')![1]).toBe('missing');
    rmSync(failing.out, { recursive: true });
  });

  it('goes on with other cells where one asks for more rows than its task has', async () => {
    const uneven = await tinyGrid({
      methods: ['majority'],
      shots: [4000, 12],
      references: ['majority'],
      seeds: { data: [13], train: [0] },
      test: {},
      factors: undefined,
    });
    await uneven.run();
    const { analysis } = await writeGridReport(uneven.out);
    expect(analysis.cells.map(({ shots, missing }) => [shots, missing])).toEqual([
      [4000, 1],
      [12, 0],
    ]);
    rmSync(uneven.out, { recursive: true });
  });

  it('one row to be judged by has no variance over rows', async () => {
    const single = await tinyGrid({
      methods: ['majority', 'linear-probe'],
      seeds: { data: [13, 21], train: [0] },
      references: ['majority'],
      test: {},
      factors: undefined,
    });
    const input = { ...single.input, data: { ...single.input.data, testCap: 1 } };
    await runGrid(input, { folder: single.out, backend: 'current' });
    expect((await writeGridReport(single.out)).analysis.cells[0]!.missing).toBe(0);
    rmSync(single.out, { recursive: true });
  });

  it('hands a failed try out once more before it chooses without it', async () => {
    const searching = await tinyGrid({
      methods: [{ ...tinyPrefix, name: 'A', search: { 'train.learningRate': [1e-2, 3e38] } }] as never,
      search: { budget: 2, seeds: [5] },
      seeds: { data: [13], train: [0] },
      test: {},
      factors: undefined,
    });
    await searching.run();
    const seen: unknown[] = [];
    for (let start = 0; start < 3; start++) {
      const { status, open } = await startSweep(searching.out, { kind: 'slurm', program: ['tfjs-peft'] });
      seen.push([status.undecided, open]);
    }
    // Nothing ran here: the failed try counts as failed twice, and what was chosen before stays.
    expect(seen).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
    expect((await readSweepStatus(searching.out)).record!.retried).toHaveLength(1);
    rmSync(searching.out, { recursive: true });
  });

  it('chooses settings on other splits first', async () => {
    const searching = await tinyGrid({
      methods: ['majority', { ...tinyPrefix, name: 'A', search: { 'train.learningRate': [1e-2, 1e-9] } }] as never,
      search: { budget: 2, seeds: [5] },
      seeds: { data: [13], train: [0] },
      test: {},
      factors: undefined,
    });
    const stored = await searching.run();
    expect(stored.cells[0]!.chosen!.A!['train.learningRate']).toBeDefined();
    expect(stored.cells[0]!.trials!.map(({ method }) => method)).toEqual(['majority', 'A']);
    const { analysis, notes } = await writeGridReport(searching.out);
    expect(analysis.cells[0]!.missing).toBe(0);
    expect(notes.join('\n')).toMatch(/Chosen by development sets of data seeds 5: A on/);
  });
});
