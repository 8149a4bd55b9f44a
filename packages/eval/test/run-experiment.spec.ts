import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  type ExperimentConfigInput,
  type ExperimentEvent,
  openPredictor,
  resolveExperiment,
  runExperiment,
} from '@tfjs-peft/eval';
import { trialFolderName } from '@tfjs-peft/eval/run-folder';
import { jsonChecksum, type JsonObject } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import { parse } from 'yaml';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tinyExperiment, tinyPrefix, tinySubspace } from './tiny-experiment.js';
import { writeTinyModel } from './tiny-model.js';

useTestBackend();
const backend = 'current' as const;
const lines = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );

/** Makes the summary of the first trial one of an older version. */
function withoutDataHash(out: string, config: ExperimentConfigInput): void {
  const path = join(out, 'trials', trialFolderName(resolveExperiment(config).trials[0]!), 'summary.json');
  const { dataHash: _, checksum: __, ...older } = JSON.parse(readFileSync(path, 'utf8')) as JsonObject;
  writeFileSync(path, JSON.stringify({ ...older, checksum: jsonChecksum(older) }));
}

describe('an experiment with plugins', () => {
  it('imports those of its caller, records them, and names them where a later run lacks them', async () => {
    const { config, root, out } = await tinyExperiment({ methods: ['mine'] });
    writeFileSync(
      join(root, 'mine.mjs'),
      `export const plugin = { presets: [{ name: 'mine', summary: '', kind: 'floor', floor: 'majority' }] };`,
    );
    await runExperiment({ ...config, plugins: ['./mine.mjs'] }, { folder: out, backend, directory: root });
    expect(readFileSync(join(out, 'experiment.yaml'), 'utf8')).toContain('- ../mine.mjs');
    const error: unknown = await runExperiment(config, { folder: out, backend, resume: true }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ code: 'UNKNOWN_PRESET' });
    expect(String(error)).toMatch(
      /was run with the plugin "\.\.\/mine\.mjs"; if you trust it, pass --plugin .*mine\.mjs/,
    );
    const again = await runExperiment(config, {
      folder: out,
      backend,
      resume: true,
      plugins: [join(root, 'mine.mjs')],
    });
    expect(again.trials.map(({ status }) => status)).toEqual(['done']);
  });
});

describe('runExperiment', () => {
  it('runs floors and methods on one split and leaves complete folders', async () => {
    const { config, out } = await tinyExperiment({
      methods: ['majority', 'linear-probe', tinyPrefix, tinySubspace],
      seeds: { data: [13, 21], train: [0, 1] },
    });
    const events: ExperimentEvent[] = [];
    const before = tf.memory().numTensors;
    const result = await runExperiment(config, { folder: out, backend, onEvent: (event) => events.push(event) });
    expect(tf.memory().numTensors).toBe(before);
    expect(
      result.trials.map(({ method, dataSeed, trainSeed, status }) => `${method} ${dataSeed} ${trainSeed} ${status}`),
    ).toEqual([
      'majority 13 0 done',
      'linear-probe 13 0 done',
      'prefix 13 0 done',
      'prefix-subspace 13 0 done',
      'prefix 13 1 done',
      'prefix-subspace 13 1 done',
      'majority 21 0 done',
      'linear-probe 21 0 done',
      'prefix 21 0 done',
      'prefix-subspace 21 0 done',
      'prefix 21 1 done',
      'prefix-subspace 21 1 done',
    ]);
    const splits = (seed: number) =>
      new Set(result.trials.filter(({ dataSeed }) => dataSeed === seed).map((t) => t.splitHash));
    expect(splits(13).size).toBe(1);
    expect(splits(21).size).toBe(1);
    expect([...splits(13)]).not.toEqual([...splits(21)]);
    const prefix = result.trials[2]!;
    const folder = join(out, prefix.folder);
    expect(readdirSync(folder).sort()).toEqual([
      'adapter',
      'config.resolved.yaml',
      'env.json',
      'evaluations.parquet',
      'items.parquet',
      'metrics.jsonl',
      'predictions.jsonl',
      'split.json',
      'summary.json',
      'timings.jsonl',
    ]);
    expect(prefix).toMatchObject({ steps: 6, headlineSplit: 'test', headlineMetric: 'accuracy', task: 'reviews' });
    expect(prefix.effectiveParameters).toBe(2 * 2 * 3 * 32 + 2 * 33);
    expect(prefix.fileBytes).toBeGreaterThan(4 * prefix.effectiveParameters);
    expect(prefix.test['test']).toMatchObject({ rows: 20 });
    expect(prefix.simplex).toBeUndefined();
    expect(result.trials[3]!.simplex!.rootMeanSquaredDistance).toBeGreaterThan(0);
    const rows = lines(join(folder, 'metrics.jsonl'));
    expect(rows.map(({ step, split }) => `${split} ${step}`)).toEqual([
      'train 1',
      'train 2',
      'dev 2',
      'train 3',
      'train 4',
      'dev 4',
      'train 5',
      'train 6',
      'dev 6',
    ]);
    expect(Object.keys(rows[0])).not.toContain('milliseconds');
    const predictions = lines(join(folder, 'predictions.jsonl'));
    expect(predictions).toHaveLength(20);
    const correct = predictions.filter(({ label, predicted }) => label === predicted).length;
    expect(prefix.test['test']!.metrics['accuracy']).toBeCloseTo(100 * (correct / 20), 6);
    expect(result.adapter!.trial).toMatch(/^trials\/prefix/);
    expect(existsSync(join(out, 'adapter', 'adapter_model.safetensors'))).toBe(true);
    expect(events[0]).toMatchObject({ type: 'plan', finished: [] });
    expect(events.filter(({ type }) => type === 'trial-start')).toHaveLength(12);
    expect(
      events.some((event) => event.type === 'progress' && event.what === 'evaluate test' && event.done === event.total),
    ).toBe(true);
  });

  it('uses finished trials again, also when methods or seeds are added', async () => {
    const { config, out } = await tinyExperiment();
    await runExperiment(config, { folder: out, backend });
    const events: ExperimentEvent[] = [];
    const more = { ...config, seeds: { data: [13, 21], train: [0] } };
    const result = await runExperiment(more, { folder: out, backend, onEvent: (event) => events.push(event) });
    expect(events[0]).toMatchObject({ type: 'plan', finished: result.trials.slice(0, 3).map(({ id }) => id) });
    expect(events.filter(({ type }) => type === 'trial-start')).toHaveLength(3);
    expect(result.trials.every(({ status }) => status === 'done')).toBe(true);
  });

  it('refuses the folder of another configuration and names the first keys', async () => {
    const { config, out } = await tinyExperiment({ methods: ['majority'] });
    await runExperiment(config, { folder: out, backend });
    const other = { ...config, data: { ...config.data, shots: 20 } };
    const message = await codeOf(runExperiment(other, { folder: out, backend }));
    expect(message).toMatch(/^RUN_FOLDER_OF_ANOTHER_CONFIGURATION: .*data\.shots is 24, not 20.*--output/);
    const { trials } = resolveExperiment(config);
    expect(existsSync(join(out, 'trials', trialFolderName(trials[0]!), 'summary.json'))).toBe(true);
  });

  it('refuses data that changed under the same name, for new methods, new data seeds and nothing new', async () => {
    const { config, out } = await tinyExperiment({ methods: ['majority'] });
    await runExperiment(config, { folder: out, backend });
    const { file } = config.data!.file!;
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('w1 ', 'w2 '));
    for (const changes of [
      { methods: ['majority', 'linear-probe'] },
      { seeds: { data: [13, 21], train: [0] } },
      {},
      // Before summaries said so of all rows, that of the split did.
      { older: true },
    ]) {
      const { older, ...more } = changes as { readonly older?: boolean };
      if (older) withoutDataHash(out, config);
      const message = await codeOf(runExperiment({ ...config, ...more }, { folder: out, backend }));
      expect(message).toMatch(/^RUN_FOLDER_OF_ANOTHER_CONFIGURATION: .*other data than .*reviews\.csv has now/);
      expect(message).toContain(older ? 'splitHash is' : 'dataHash is');
    }
  });

  it('refuses a trial that saw other rows than those before it in the same run', async () => {
    const { config, out } = await tinyExperiment({ methods: ['majority', 'linear-probe'] });
    await runExperiment({ ...config, methods: ['majority'] }, { folder: out, backend });
    const { file } = config.data!.file!;
    const edit = (event: ExperimentEvent) => {
      if (event.type === 'trial-end' && event.reused)
        writeFileSync(file, readFileSync(file, 'utf8').replaceAll('w1 ', 'w2 '));
    };
    expect(await codeOf(runExperiment(config, { folder: out, backend, onEvent: edit }))).toMatch(
      /^RUN_FOLDER_OF_ANOTHER_CONFIGURATION: .*dataHash is/,
    );
  });

  it('refuses finished trials of two hosts, however often it is asked', async () => {
    const { config, out } = await tinyExperiment({ methods: ['majority', 'linear-probe'] });
    await runExperiment({ ...config, methods: ['majority'] }, { folder: out, backend });
    await writeTinyModel(config.model!.name!, 9);
    for (const methods of [
      ['majority', 'linear-probe'],
      ['majority', 'linear-probe'],
      ['majority', 'linear-probe', 'head'],
    ])
      expect(await codeOf(runExperiment({ ...config, methods }, { folder: out, backend }))).toMatch(
        /^RUN_FOLDER_OF_ANOTHER_CONFIGURATION/,
      );
  });

  it('uses the results of data that are gone, and says so; a moved file is the same file', async () => {
    const { config, root, out } = await tinyExperiment({ methods: ['majority'] });
    const first = await runExperiment(config, { folder: out, backend });
    expect(first.trials[0]!.dataHash).toMatch(/^[0-9a-f]{64}$/);
    const file = config.data!.file!;
    mkdirSync(join(root, 'moved'));
    const moved = join(root, 'moved', 'reviews.csv');
    renameSync(file.file, moved);
    const warnings: string[] = [];
    const onEvent = (event: ExperimentEvent) => void (event.type === 'warning' && warnings.push(event.text));
    const again = await runExperiment(config, { folder: out, backend, onEvent });
    expect(again.trials).toEqual(first.trials);
    expect(warnings).toEqual([
      expect.stringMatching(/the results of 1 finished runs are those of earlier data: .*reviews/),
    ]);
    const elsewhere = { ...config, data: { ...config.data, file: { ...file, file: relative('.', moved) } } };
    await runExperiment(elsewhere, { folder: out, backend, onEvent });
    expect(warnings).toHaveLength(1);
    // Found from any working directory.
    expect(parse(readFileSync(join(out, 'experiment.yaml'), 'utf8'))).toMatchObject({
      data: { file: { file: moved } },
    });
  });

  it('refuses an unfinished run unless told to resume it', async () => {
    const { config, out } = await tinyExperiment();
    const stop = new AbortController();
    const interrupted = runExperiment(config, {
      folder: out,
      backend,
      signal: stop.signal,
      onEvent: (event) =>
        event.type === 'train' && event.event.type === 'step' && event.event.step === 3 && stop.abort(),
    });
    expect(await codeOf(interrupted)).toMatch(/^INTERRUPTED: .*--resume/);
    expect(await codeOf(runExperiment(config, { folder: out, backend }))).toMatch(/^RUN_UNFINISHED: .*--resume/);
    const starts: (number | null)[] = [];
    const result = await runExperiment(config, {
      folder: out,
      backend,
      resume: true,
      onEvent: (event) =>
        event.type === 'train' && event.event.type === 'start' && starts.push(event.event.resumedFrom),
    });
    expect(starts).toEqual([3]);
    const { out: reference } = { out: `${out}-reference` };
    const whole = await runExperiment(config, { folder: reference, backend });
    const metrics = (folder: string, at: typeof result) =>
      readFileSync(join(folder, at.trials[2]!.folder, 'metrics.jsonl'), 'utf8');
    expect(metrics(out, result)).toBe(metrics(reference, whole));
    expect(result.trials[2]!.test).toEqual(whole.trials[2]!.test);
  });

  it('says that an output folder cannot be written, before any work', async () => {
    const { config, root } = await tinyExperiment();
    writeFileSync(join(root, 'a-file'), '');
    const events: ExperimentEvent[] = [];
    const run = runExperiment(config, {
      folder: join(root, 'a-file', 'out'),
      backend,
      onEvent: (event) => events.push(event),
    });
    expect(await codeOf(run)).toMatch(/^OUTPUT_UNWRITABLE: .*--output/);
    expect(events).toEqual([]);
  });

  it('without a development set keeps the last step', async () => {
    const { config, out } = await tinyExperiment({ methods: [tinyPrefix], data: { protocol: 'none' } });
    const [trial] = (await runExperiment(config, { folder: out, backend })).trials;
    expect(trial!.dev).toBeUndefined();
    expect(lines(join(out, trial!.folder, 'metrics.jsonl')).map(({ split }) => split)).toEqual(Array(6).fill('train'));
    const split = JSON.parse(readFileSync(join(out, trial!.folder, 'split.json'), 'utf8'));
    expect(split).toMatchObject({ protocol: 'none', devRows: [] });
    expect(split.trainRows).toHaveLength(24);
  });

  it('says how many texts were cut', async () => {
    const { config, out } = await tinyExperiment({ methods: [tinyPrefix], data: { maxTokens: 5 } });
    const events: ExperimentEvent[] = [];
    await runExperiment(config, { folder: out, backend, onEvent: (event) => events.push(event) });
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
    expect(warnings).toContain('24 of 24 texts are longer than 5 tokens and were cut (data.maxTokens)');
  });

  it('runs a regression on pairs of texts', async () => {
    const { config, out, root } = await tinyExperiment({
      methods: ['majority', 'linear-probe', tinyPrefix, tinySubspace],
    });
    const file = join(root, 'pairs.csv');
    const rows = Array.from(
      { length: 100 },
      (_, row) => `w${row % 20} good,w${(row * 7) % 20} ${row % 3 ? 'good' : 'bad'},${row % 3 ? 4.5 - (row % 2) : 0.5}`,
    );
    writeFileSync(file, ['one,two,score', ...rows].join('\n'));
    const data = {
      ...config.data,
      file: { file, textColumn: 'one', textPairColumn: 'two', labelColumn: 'score', regression: true },
    };
    const { trials } = await runExperiment({ ...config, data }, { folder: out, backend });
    expect(trials.map(({ status }) => status)).toEqual(['done', 'done', 'done', 'done']);
    expect(trials[0]).toMatchObject({ headlineMetric: 'spearman', test: { test: { headline: 0, undefined: 2 } } });
    expect(trials[1]!.test['test']!.metrics['pearson']).toBeGreaterThan(50);
    expect(trials[2]!.effectiveParameters).toBe(2 * 2 * 3 * 32 + 33);
    const [prediction] = lines(join(out, trials[2]!.folder, 'predictions.jsonl'));
    expect(prediction).toMatchObject({ split: 'test', label: expect.any(Number), predicted: expect.any(Number) });
    const predictor = await openPredictor(out, { backend });
    const [answer] = await predictor.predict([['w1 good', 'w2 bad']]);
    expect(answer).toMatchObject({ text: ['w1 good', 'w2 bad'], score: expect.any(Number), probabilities: {} });
    predictor.dispose();
  });

  it('learns scores of any size alike, and keeps their units in the adapter', async () => {
    const scored = async (scale: (score: number) => number) => {
      const { config, out, root } = await tinyExperiment({ methods: [tinyPrefix, tinySubspace] });
      const file = join(root, 'scores.csv');
      const rows = Array.from(
        { length: 100 },
        (_, row) => `w${row % 20} ${['bad', 'fine', 'good'][row % 3]},${scale(row % 3)}`,
      );
      writeFileSync(file, ['text,score', ...rows].join('\n'));
      const data = { ...config.data, file: { file, textColumn: 'text', labelColumn: 'score', regression: true } };
      const { trials } = await runExperiment({ ...config, data }, { folder: out, backend });
      const files = trials.map(({ folder }) => join(out, folder));
      const predictions = files.flatMap((folder) => lines(join(folder, 'predictions.jsonl')));
      const predictor = await openPredictor(files[0]!, { backend });
      const [again] = await predictor.predict([`w1 fine`]);
      predictor.dispose();
      const record = JSON.parse(readFileSync(join(files[0]!, 'adapter', 'tfjs_peft.json'), 'utf8'));
      return {
        spearman: trials.map(({ test }) => test['test']!.metrics['spearman']),
        predicted: predictions.map(({ predicted }) => predicted as number),
        again: again!.score!,
        record: JSON.stringify(record),
      };
    };
    const small = await scored((score) => score + 1);
    const large = await scored((score) => 1000 * (score + 1));
    expect(large.spearman).toEqual(small.spearman);
    large.predicted.forEach((value, i) => expect(value / 1000).toBeCloseTo(small.predicted[i]!, 3));
    expect(large.again / 1000).toBeCloseTo(small.again, 3);
    expect(large.predicted.reduce((a, b) => a + b) / large.predicted.length).toBeGreaterThan(1000);
    expect(large.record).toMatch(/"targets":\{"mean":\d{4}/);
  });

  it('goes on after a trial that fails, reports it, and runs it again on resume', async () => {
    const { config, out } = await tinyExperiment({
      methods: [
        { ...tinyPrefix, name: 'wild', train: { learningRate: 1e38, clipNorm: null, warmupRatio: 0 } },
        'majority',
      ],
    });
    const result = await runExperiment(config, { folder: out, backend });
    expect(result.trials.map(({ method, status }) => [method, status])).toEqual([
      ['wild', 'failed'],
      ['majority', 'done'],
    ]);
    expect(result.trials[0]!.error).toMatchObject({ code: 'TRAINING_DIVERGED' });
    expect(result.adapter).toBeNull();
    expect(await codeOf(runExperiment(config, { folder: out, backend }))).toMatch(/^RUN_UNFINISHED/);
    const again = await runExperiment(config, { folder: out, backend, resume: true });
    expect(again.trials[0]!.status).toBe('failed');
  });

  it('refuses what cannot work before anything runs', async () => {
    const { config, out, root } = await tinyExperiment();
    const run = (changes: object) => codeOf(runExperiment({ ...config, ...changes }, { folder: out, backend }));
    expect(await run({ methods: ['prefx'] })).toMatch(/^UNKNOWN_PRESET: .*did you mean "prefix"/);
    expect(await run({ task: 'spam-subject', data: {} })).toMatch(/^UNKNOWN_TASK: .*spam-subjects/);
    expect(await run({ data: { ...config.data, shots: 500 } })).toMatch(/^SPLIT_TOO_LARGE: .*500/);
    expect(await run({ data: { ...config.data, shots: 500 }, extra: 1 })).toMatch(/^CONFIG_INVALID: .*"extra"/);
    expect(await run({ model: { name: join(root, 'nowhere') } })).toMatch(/^HOST_\w+: .*nowhere/);
    mkdirSync(join(root, 'empty'));
    expect(await run({ model: { name: join(root, 'empty') } })).toMatch(/^HOST_\w+/);
    expect(
      await run({
        model: { ...config.model, readout: 'cls', name: config.model!.name },
        data: { ...config.data, maxTokens: 2 },
      }),
    ).toMatch(/^CONFIG_INVALID: .*maxTokens/);
    expect(await codeOf(runExperiment(config, { folder: out, backend, jobs: 0 }))).toMatch(/^JOBS_INVALID/);
  });
});
