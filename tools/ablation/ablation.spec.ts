import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { builtInPresets } from '@tfjs-peft/eval/methods';
import { chooseRate } from './choose-rates.js';
import { readResults, renderPage, renderReport } from './report.js';
import { parseYaml, resolveExperiment } from '@tfjs-peft/eval';
import { expandGrid, type GridConfigInput } from '@tfjs-peft/eval/grid';
import { hashTrial } from '@tfjs-peft/eval/run-folder';
import { type RunRecord, shortHash } from './run-record.js';
import { common, dataSeeds, floors, methods, ratesOf, searchSeed } from './settings.js';

describe('the choice of a rate', () => {
  it('takes the best on the development set, and of equals the one nearest to the preset', () => {
    const tries = (...dev: (number | undefined)[]) => [1e-3, 3e-3, 9e-3].map((rate, i) => ({ rate, dev: dev[i] }));
    expect(chooseRate(tries(70, 80, 90), 3e-3)).toBe(9e-3);
    expect(chooseRate(tries(80, 80, 80), 3e-3)).toBe(3e-3);
    expect(chooseRate(tries(80, 70, 80), 3e-3)).toBe(1e-3);
    expect(chooseRate(tries(undefined, 10, undefined), 3e-3)).toBe(3e-3);
    expect(chooseRate(tries(undefined, undefined, undefined), 3e-3)).toBeUndefined();
  });
});

describe('the settings', () => {
  it('cover every trained preset, with three rates, and choose them on a split that is not reported', () => {
    const plain = builtInPresets.filter(
      ({ kind, name, recipe }) => kind === 'trained' && !recipe && !name.endsWith('-subspace'),
    );
    expect([...methods].sort()).toEqual(plain.map(({ name }) => name).sort());
    for (const method of methods) {
      expect(new Set(ratesOf(method)).size).toBe(3);
      expect(ratesOf(`${method}-subspace`)).toEqual(ratesOf(method));
    }
    expect(dataSeeds).not.toContain(searchSeed);
  });
});

describe('the trials', () => {
  it('are those of the runs that are kept: new settings leave their hashes as they were', () => {
    const folder = fileURLToPath(new URL('../../docs/ablation', import.meta.url));
    const { runs } = readResults(folder);
    const known = new Set(runs.map(({ configHash }) => configHash));
    for (const task of ['sst2', 'trec'] as const) {
      const entries = ['lora', 'prefix', 'prefix-subspace'].flatMap((preset) =>
        ratesOf(preset).map((learningRate) => ({ name: `${preset}_${learningRate}`, preset, train: { learningRate } })),
      );
      const { trials } = resolveExperiment({
        ...common(task, 'shared/data'),
        methods: [...floors, ...entries],
        seeds: { data: [searchSeed] },
      });
      const trained = trials.filter(({ method }) => method.kind === 'trained');
      expect(trained.filter((trial) => known.has(shortHash(hashTrial(trial)))).length).toBe(trained.length);
    }
  });
});

describe('configs/methods.yaml', () => {
  it('expands to the trials that were run', () => {
    const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
    const { runs } = readResults(fileURLToPath(new URL('../../docs/ablation', import.meta.url)));
    const known = new Set(runs.filter(({ part }) => part === 'search').map(({ configHash }) => configHash));
    const { cells } = expandGrid(parseYaml(read('../../configs/methods.yaml'), 'methods.yaml') as GridConfigInput);
    expect(cells.map(({ task }) => task)).toEqual(['sst2', 'trec']);
    const trials = cells.flatMap(({ search }) => resolveExperiment(search!.experiment).trials);
    expect(trials.length).toBe(2 * 3 * 2 * methods.length);
    // Those of methods that have run: a method that came later has no results yet.
    const ran = trials.filter((trial) => runs.some(({ method }) => trial.method.name.startsWith(`${method}_`)));
    expect(ran.length).toBeGreaterThan(180);
    expect(ran.filter((trial) => !known.has(shortHash(hashTrial(trial))))).toEqual([]);
  });
});

describe('the tables', () => {
  const run = (method: string, dataSeed: number, test: number, rate: number | null = 0.01): RunRecord => ({
    task: 'sst2',
    part: 'report',
    method,
    rate,
    dataSeed,
    dev: 80,
    bestStep: 30,
    test,
    trainableParameters: 770,
    fileBytes: 4091,
    seconds: 1,
    backend: 'wasm',
    splitHash: `split ${dataSeed}`,
    configHash: `${method} ${dataSeed}`,
  });

  it('pair a method with its simplex on the same splits', () => {
    const runs = [
      ...[70, 72, 74].map((test, i) => run('head', dataSeeds[i]!, test)),
      ...[71, 74, 77].map((test, i) => run('head-subspace', dataSeeds[i]!, test, 0.03)),
      ...dataSeeds.map((seed) => run('majority', seed, 50.9, null)),
    ];
    const tries = ['head', 'head-subspace', 'ia3', 'ia3-subspace'].flatMap((method) =>
      ratesOf(method).map((rate) => ({
        ...run(method, searchSeed, 60, rate),
        part: 'search' as const,
        dev: rate === (method === 'head-subspace' ? 0.03 : 0.01) ? 90 : 80,
      })),
    );
    const others = dataSeeds.map((seed) => run('head', seed, 99, 0.03));
    const text = renderReport({ runs: [...runs, ...tries, ...others], steps: [] });
    expect(text).toMatch(/^\| majority \| 50\.9 ± 0\.0 \|/m);
    expect(text).toMatch(/^\| head \| 72\.0 ± 2\.0 \| 74\.0 ± 3\.0 \| \+2\.0 .* \| 0\.01 \| 0\.03↑ \|$/m);
    expect(text).not.toMatch(/mean of/);
    const second = dataSeeds.flatMap((seed) => [run('ia3', seed, 60), run('ia3-subspace', seed, 62)]);
    expect(renderReport({ runs: [...runs, ...second, ...tries], steps: [] })).toMatch(
      /^\| mean of 2 methods \| 66\.0 ± 1\.0 \| 68\.0 ± 1\.5 \| \+2\.0 \\\[\+0\.8, \+3\.2\\\] \|/m,
    );
    expect(renderReport({ runs: [...runs.slice(0, 4), ...tries], steps: [] })).toMatch(
      /\| 71\.0 ± \? \(1\) \| \+1\.0 \|/,
    );
  });

  it('in docs/ablation are those of the results beside them', async () => {
    const folder = fileURLToPath(new URL('../../docs/ablation', import.meta.url));
    const page = `${folder}/README.md`;
    if (existsSync(page)) expect(readFileSync(page, 'utf8')).toBe(await renderPage(readResults(folder), page));
  });
});
