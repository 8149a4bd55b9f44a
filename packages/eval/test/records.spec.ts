import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { runExperiment } from '../src/index.js';
import { type TrialSummary, trialFiles } from '../src/exports/run-folder.js';
import { locateAdapter } from '../src/predict/locate-adapter.js';
import { openColumnReader } from '../src/records/column-reader.js';
import { readEvaluations, readItems } from '../src/records/trial-records.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tinyExperiment, tinySubspace } from './tiny-experiment.js';
import { temporaryFolder } from './tiny-model.js';

useTestBackend();
const reader = openColumnReader({ seconds: 20 });
afterAll(() => reader.close());

const selections = { midpoint: { mode: 'midpoint' as const } };
const train = { steps: 8, evaluateEvery: { epochs: 0, minSteps: 2 } };
let shared: TrialSummary;
let alone: readonly TrialSummary[];
let files: ReturnType<typeof trialFiles>;

beforeAll(async () => {
  const { config, out } = await tinyExperiment({ train, test: { trace: true } });
  const { validation } = tinySubspace.train;
  const methods = [
    { ...tinySubspace, name: 'both', train: { ...tinySubspace.train, selections } },
    { ...tinySubspace, name: 'drawn', train: { ...tinySubspace.train, validation } },
    { ...tinySubspace, name: 'plain', train: { ...tinySubspace.train, validation: selections.midpoint } },
  ];
  const { trials } = await runExperiment({ ...config, methods }, { folder: out, backend: 'current' });
  expect(trials.map(({ status, error }) => error?.message ?? status)).toEqual(['done', 'done', 'done']);
  [shared, ...alone] = trials as [TrialSummary, ...TrialSummary[]];
  files = trialFiles(join(out, shared.folder));
});

describe('records of a trial', () => {
  it('hold what two trials that differ in the rule of selection would, from one training run', async () => {
    const [drawn, plain] = alone;
    expect([shared.test, shared.dev]).toEqual([drawn!.test, drawn!.dev]);
    expect(shared.selections!.midpoint).toMatchObject({ test: plain!.test, dev: plain!.dev });
  });

  it('belong to each adapter that a rule chose: it opens as it was trained', async () => {
    // Where a rule chose another state than the first one its adapter lies here.
    const chosen = join(files.selections, 'other');
    cpSync(files.adapter, chosen, { recursive: true });
    for (const adapter of [files.adapter, chosen])
      expect((await locateAdapter(adapter)).trial).toMatchObject({ data: { maxTokens: 16 } });
  });

  it('give back every metric: rows, labels, logits and provenance', async () => {
    const { items, provenance } = (await readItems(reader, files.items))!;
    expect(items.map(({ rule, split, columns }) => [rule, split, columns])).toEqual([
      ['', 'test', 2],
      ['midpoint', 'test', 2],
    ]);
    const lines = readFileSync(files.predictions, 'utf8').trim().split('\n');
    const predictions = lines.map((line) => JSON.parse(line) as { row: number; label: string; logits: number[] });
    expect(items[0]!.rows).toEqual(predictions.map(({ row }) => row));
    expect(items[0]!.labels.map((label) => provenance.labels[label])).toEqual(predictions.map(({ label }) => label));
    predictions.forEach(({ logits }, row) => expect(items[0]!.logits[2 * row]).toBeCloseTo(logits[0]!, 4));
    for (const [one, result] of [
      [items[0]!, shared.test.test!],
      [items[1]!, shared.selections!.midpoint!.test.test!],
    ] as const) {
      const right = one.labels.filter(
        (label, row) => (one.logits[2 * row + 1]! > one.logits[2 * row]! ? 1 : 0) === label,
      );
      expect((100 * right.length) / one.labels.length).toBeCloseTo(result.metrics.accuracy!, 9);
    }
    expect(provenance).toMatchObject({
      configHash: shared.configHash,
      splitHash: shared.splitHash,
      hostFingerprint: shared.hostFingerprint,
      environment: { node: process.version },
    });
  });

  it('hold both development metrics and the test at every evaluation', async () => {
    const { evaluations } = (await readEvaluations(reader, files.evaluations))!;
    const trace = (rule: string, split: string, metric: string) =>
      evaluations.filter((one) => one.rule === rule && one.split === split && one.metric === metric);
    const steps = [2, 4, 6, 8];
    for (const records of [
      trace('', 'dev', 'headline'),
      trace('midpoint', 'dev', 'headline'),
      trace(':midpoint', 'dev', 'accuracy'),
      trace('', 'test', 'test headline'),
    ])
      expect(records.map(({ step }) => step)).toEqual(steps);
    const observed = trace('', 'test', 'test headline').find(({ step }) => step === shared.dev!.step)!;
    expect(observed.value).toBeCloseTo(shared.test.test!.headline, 9);
    const last = trace('', 'dev', 'headline')
      .filter(({ best }) => best)
      .at(-1)!;
    expect(last).toMatchObject({ step: shared.dev!.step, value: shared.dev!.headline });
  });

  it('test on the way on as many rows as were asked for, and on all in the end', async () => {
    const { config, out } = await tinyExperiment({ train, test: { trace: 7 } });
    const { trials } = await runExperiment({ ...config, methods: [tinySubspace] }, { folder: out, backend: 'current' });
    const own = await readEvaluations(reader, trialFiles(join(out, trials[0]!.folder)).evaluations);
    const observed = own!.evaluations.filter(({ split, metric }) => split === 'test' && metric === 'test accuracy');
    expect(observed).toHaveLength(4);
    for (const { value } of observed) expect((7 * value) / 100).toBeCloseTo(Math.round((7 * value) / 100), 6);
    expect(trials[0]!.test).toEqual(shared.test);
  });
});

describe('files of records that are not whole', () => {
  const copy = (bytes: Uint8Array) => {
    const path = join(temporaryFolder(), 'items.parquet');
    writeFileSync(path, bytes);
    return path;
  };
  const code = (path: string) =>
    readItems(reader, path).then(
      (items) => items && 'read',
      (error: { code: string }) => error.code,
    );

  it('are an error of a name, wherever they are cut', async () => {
    const whole = readFileSync(files.items);
    expect(await code(copy(whole))).toBe('read');
    for (const size of [0, 3, 100, whole.length >> 1, whole.length - 1]) {
      const path = copy(whole);
      truncateSync(path, size);
      expect([size, await code(path)]).toEqual([size, 'RECORDS_DAMAGED']);
    }
    expect(await code(join(temporaryFolder(), 'items.parquet'))).toBeNull();
  });

  it('so is a table of somebody else', async () => {
    const columnData = [{ name: 'row', type: 'INT32' as const, data: [1] }];
    expect(await code(copy(new Uint8Array(parquetWriteBuffer({ columnData }))))).toBe('RECORDS_DAMAGED');
    const kvMetadata = [{ key: 'tfjs-peft', value: '{"version":1}' }];
    expect(await code(copy(new Uint8Array(parquetWriteBuffer({ columnData, kvMetadata }))))).toBe('RECORDS_DAMAGED');
  });
});
