import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parseExperiment, resolveExperiment } from '@tfjs-peft/eval';
import { findings, formatTable, htmlReport, markdownTable, writeReports } from '@tfjs-peft/eval/report';
import { readHistories, readResults, readSummary, readTrialConfig, trialFiles } from '@tfjs-peft/eval/run-folder';
import { compareMethods } from '@tfjs-peft/eval/statistics';
import { isPeftError } from '@tfjs-peft/peft-core';
import { stringify } from 'yaml';
import { experimentFiles, readExperiment, storedResults } from '../src/records/experiment-folder.js';
import { writeStoredJson } from '../src/run-folder/stored-json.js';
import { sampleTrials } from './sample-experiment.js';

const hostile: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e300,
  '',
  '../secret',
  '/etc/passwd',
  'trials/..',
  'a\u2028b\u001b[2J"><script>',
  'x'.repeat(50_000),
  [],
  [null],
  {},
  { toString: 1, length: -1 },
];
// eslint-disable-next-line no-control-regex -- control characters are the subject
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/;
const config = parseExperiment({ version: 1, task: 'spam-subjects', methods: ['head', 'prefix'] });
const [trial] = resolveExperiment({ ...config, methods: ['prefix'] }).trials;
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-hostile-'));
});

/** Every copy of a value with one part, at any depth, replaced by something hostile or left out. */
function* mutants(value: unknown): Generator<unknown> {
  for (const other of hostile) yield other;
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    const rebuild = (part: unknown): unknown =>
      Array.isArray(value)
        ? value.map((entry: unknown, index) => (String(index) === key ? part : entry))
        : { ...value, [key]: part };
    if (!Array.isArray(value)) yield Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
    for (const part of mutants((value as Record<string, unknown>)[key])) yield rebuild(part);
  }
}

/** Runs `use` on every mutant; how many were taken. Everything else must be a PeftError with a bounded message of one line. */
async function attack(
  value: unknown,
  use: (mutant: unknown) => Promise<unknown>,
): Promise<{ all: number; taken: number }> {
  let all = 0;
  let taken = 0;
  for (const mutant of mutants(value)) {
    all += 1;
    try {
      await use(mutant);
      taken += 1;
    } catch (error) {
      const shown = JSON.stringify(mutant)?.slice(0, 300);
      if (!isPeftError(error)) throw new Error(`not typed: ${String(error)} for ${shown}`, { cause: error });
      expect(error.message.length).toBeLessThan(8000);
      expect(error.message).not.toMatch(steering);
    }
  }
  return { all, taken };
}

describe('what is read back from a run folder', () => {
  it('results.json: every mutant is refused or can be shown', async () => {
    const stored = { config, trials: sampleTrials.slice(3, 5), adapter: { trial: 'trials/a', reason: 'best' } };
    const { all, taken } = await attack(JSON.parse(JSON.stringify(stored)), async (mutant) => {
      writeFileSync(experimentFiles(folder).results, JSON.stringify(mutant));
      const results = await readResults(folder);
      const paths = [...results!.trials.map((entry) => entry.folder), results!.adapter?.trial ?? 'trials/a'];
      for (const path of paths) expect(path).toMatch(/^trials\/[^/.][^/]*$/);
      const table = compareMethods(results!.trials);
      for (const text of [formatTable(table), markdownTable(table)]) expect(text).not.toMatch(steering);
      findings(table);
      await readHistories(results!);
    });
    expect(all).toBeGreaterThan(1000);
    expect(taken).toBeGreaterThan(10);
    expect(taken).toBeLessThan(all / 2);
  });

  it('summary.json and config.resolved.yaml of a trial', async () => {
    await attack(JSON.parse(JSON.stringify(sampleTrials[4])), async (mutant) => {
      writeFileSync(trialFiles(folder).summary, JSON.stringify(mutant));
      await readSummary(folder);
    });
    const { taken } = await attack(JSON.parse(JSON.stringify(trial)), async (mutant) => {
      writeFileSync(trialFiles(folder).config, JSON.stringify(mutant));
      await readTrialConfig(folder);
    });
    expect(taken).toBeGreaterThan(0);
  });

  it('experiment.yaml', async () => {
    await attack(JSON.parse(JSON.stringify(config)), async (mutant) =>
      readExperiment(stringify(mutant), 'experiment.yaml'),
    );
  });

  it('metrics.jsonl: lines of another shape are left out', async () => {
    const own = join(folder, sampleTrials[3]!.folder);
    mkdirSync(own, { recursive: true });
    writeFileSync(trialFiles(own).config, JSON.stringify(trial));
    const line = { step: 25, split: 'dev', headline: 70, midpointMetrics: { accuracy: 71 } };
    await attack(line, async (mutant) => {
      writeFileSync(trialFiles(own).metrics, `${JSON.stringify(line)}\n${JSON.stringify(mutant)}\n{"step": 5`);
      const [history] = await readHistories({ folder, config, trials: [sampleTrials[3]!], adapter: null });
      expect(history!.points[0]).toEqual({ step: 25, midpoint: 70 });
    });
  });

  it('carries a checksum: a change is seen, also one that fits the schema', async () => {
    const path = experimentFiles(folder).results;
    await writeStoredJson(path, storedResults, { config, trials: sampleTrials, adapter: null });
    expect((await readResults(folder))!.trials).toEqual(JSON.parse(JSON.stringify(sampleTrials)));
    const text = readFileSync(path, 'utf8');
    for (const changed of [
      text.replace('"headline": 55.1', '"headline": 95.1'),
      text.replace(/,\s*"checksum": "\w+"/, ''),
    ]) {
      expect(changed).not.toBe(text);
      writeFileSync(path, changed);
      await expect(readResults(folder)).rejects.toThrow('its checksum does not fit');
    }
    writeFileSync(path, JSON.stringify({ version: 3 }));
    await expect(readResults(folder)).rejects.toMatchObject({ code: 'RESULTS_DAMAGED' });
  });
});

describe('names that pages and plots could trip over', () => {
  it('are shown and steer nothing', async () => {
    const name = 'a\u2028b\u001b[2J"><script>alert(1)</script>';
    const trials = sampleTrials.map((entry) => ({ ...entry, method: `${entry.method}${name}`, headlineMetric: name }));
    const written = await writeReports(
      { folder, config, trials, adapter: null },
      { title: `# ${name} | *x*`, remarks: [name] },
    );
    for (const path of Object.values(written.files)) {
      const text = readFileSync(path, 'utf8');
      expect(text).not.toContain('<script>alert');
      expect(text).not.toMatch(steering);
    }
    expect(readFileSync(written.files.table, 'utf8')).toMatch(/^# \\# a b \[?.*\\\| \\\*x\\\*\n/);
    const html = await htmlReport({ title: name, experiment: {}, table: written.table, trials, histories: [] });
    expect(html).not.toContain('\u2028');
  });
});
