import { mkdtemp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sampleTrials } from '../../test/sample-experiment.js';
import { resolveExperiment } from '../config/resolve-experiment.js';
import { parseExperiment } from '../config/experiment-config.js';
import type { ExperimentResult } from '../records/experiment-folder.js';
import { readResults } from '../records/read-results.js';
import { readHistories } from './read-histories.js';
import { writeReports } from './write-reports.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reports-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const config = parseExperiment({ version: 1, task: 'spam-subjects', methods: ['head', 'prefix', 'prefix-subspace'] });
const result = (): ExperimentResult => ({ folder, config, trials: sampleTrials, adapter: null });

async function writeMetrics(method: string, mode: string, rows: object[]) {
  const own = join(folder, `trials/${method}-13-0`);
  await mkdir(own, { recursive: true });
  await writeFile(join(own, 'metrics.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const entry = { name: method, preset: 'prefix', train: { validation: { mode: mode as 'midpoint' } } };
  const [trial] = resolveExperiment({ ...config, methods: [entry] }).trials;
  await writeFile(join(own, 'config.resolved.yaml'), JSON.stringify(trial));
}

describe('writeReports', () => {
  it('writes table, plot and report into the folder of the experiment', async () => {
    const { table, files } = await writeReports(result(), {
      references: ['linear-probe', 'prefix'],
      remarks: ['Short.'],
    });
    expect(table.references).toEqual(['linear-probe', 'prefix']);
    expect((await readdir(folder)).sort()).toEqual(['plot.svg', 'report.html', 'table.md']);
    expect(files.history).toBeUndefined();
    expect(await readFile(files.table, 'utf8')).toMatch(/^# .*\n\n\| method .*[^]*\* Short\.\n$/);
    expect((await readFile(files.report, 'utf8')).includes('Short.')).toBe(true);
  });
});

describe('readHistories', () => {
  it('tells draws from midpoints by how the trial was validated', async () => {
    await writeMetrics('prefix', 'midpoint', [
      { step: 1, split: 'train', loss: 1 },
      { step: 25, split: 'dev', headline: 70 },
    ]);
    await writeMetrics('prefix-subspace', 'stochastic', [
      { step: 25, split: 'dev', headline: 66, midpointMetrics: { accuracy: 71, f1: 3 } },
    ]);
    const histories = await readHistories(result());
    const of = (name: string) => histories.find(({ method, dataSeed }) => method === name && dataSeed === 13)!.points;
    expect(of('prefix')).toEqual([{ step: 25, midpoint: 70 }]);
    expect(of('prefix-subspace')).toEqual([{ step: 25, stochastic: 66, midpoint: 71 }]);
    expect((await writeReports(result())).files.history).toBe(join(folder, 'history.svg'));
  });
});

describe('readResults', () => {
  it('gives back what was stored, and null where nothing is', async () => {
    expect(await readResults(folder)).toBeNull();
    await writeFile(
      join(folder, 'results.json'),
      JSON.stringify({ version: 1, config, trials: sampleTrials, adapter: null }),
    );
    expect(await readResults(folder)).toEqual(JSON.parse(JSON.stringify(result())));
  });
  it('refuses another file', async () => {
    await writeFile(join(folder, 'results.json'), '{"a": 1}');
    await expect(readResults(folder)).rejects.toMatchObject({ code: 'RESULTS_DAMAGED' });
  });
});
