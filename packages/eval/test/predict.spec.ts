import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  evaluateFolder,
  type ExperimentResult,
  formatLandscape,
  landscapeReport,
  locateAdapter,
  measureLandscape,
  openPredictor,
  runExperiment,
} from '@tfjs-peft/eval';
import { jsonChecksum, type JsonObject } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tinyExperiment, tinyPrefix, tinySubspace } from './tiny-experiment.js';
import { temporaryFolder, writeTinyModel } from './tiny-model.js';

useTestBackend();
const backend = 'current' as const;
let out = '';
let root = '';
let model = '';
let result: ExperimentResult;
const simplex = () => join(out, result.trials[1]!.folder);

beforeAll(async () => {
  const made = await tinyExperiment({ methods: [tinyPrefix, tinySubspace], train: { steps: 12, batchSize: 8 } });
  ({ out, root } = made);
  model = made.config.model!.name!;
  result = await runExperiment(made.config, { folder: out, backend });
});

describe('openPredictor', () => {
  it('opens an experiment, a trial and an adapter folder, which agree', async () => {
    const texts = ['w1 good w2', 'w3 bad w4', 'w5 w6'];
    const before = tf.memory().numTensors;
    const trial = join(out, result.adapter!.trial);
    const answers: unknown[] = [];
    for (const folder of [out, trial, join(trial, 'adapter'), join(out, 'adapter')]) {
      const predictor = await openPredictor(folder, { backend });
      expect(predictor.labels).toEqual(['negative', 'positive']);
      expect(predictor.maxTokens).toBe(16);
      const predictions = await predictor.predict(texts);
      answers.push(predictions);
      for (const { label, probability, probabilities } of predictions) {
        expect(probabilities[label]).toBe(probability);
        expect(Object.values(probabilities).reduce((a, b) => a + b)).toBeCloseTo(1, 10);
        expect(probability).toBeGreaterThanOrEqual(0.5);
      }
      predictor.dispose();
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gives the predictions that the trial recorded', async () => {
    const trial = join(out, result.adapter!.trial);
    const recorded = readFileSync(join(trial, 'predictions.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const split = JSON.parse(readFileSync(join(trial, 'split.json'), 'utf8'));
    expect(recorded.map(({ row }) => row)).toEqual(split.testRows.test);
    const { results } = await evaluateFolder(trial, { backend });
    const summary = JSON.parse(readFileSync(join(trial, 'summary.json'), 'utf8'));
    expect(results).toEqual(summary.test);
  });

  it('refuses empty texts and warns about long ones', async () => {
    const warnings: string[] = [];
    const predictor = await openPredictor(out, { backend, onWarning: (text) => warnings.push(text) });
    await expect(predictor.predict(['w1', ' \n'])).rejects.toMatchObject({ code: 'TEXT_EMPTY' });
    await expect(predictor.predict([['w1', '']])).rejects.toMatchObject({ code: 'TEXT_EMPTY' });
    expect(await predictor.predict([])).toEqual([]);
    const [short, long] = await predictor.predict(['w1', 'good '.repeat(40)]);
    expect(short!.truncated).toBeUndefined();
    expect(long!.truncated).toBe(true);
    expect(warnings).toEqual(['1 of 2 texts are longer than 16 tokens; only their beginning was read']);
    predictor.dispose();
  });

  it('refuses what is no text, as callers without types pass it', async () => {
    const predictor = await openPredictor(out, { backend });
    const predict = (texts: unknown) => predictor.predict(texts as readonly string[]);
    for (const texts of [
      [null],
      ['w1', undefined],
      [1],
      [['w1']],
      [['w1', null]],
      [{}],
      [['w1', 'w2', 'w3']],
      'w1',
      null,
    ])
      await expect(predict(texts)).rejects.toMatchObject({ code: 'TEXT_INVALID' });
    predictor.dispose();
  });

  it('predicts batch by batch as they come, with the same answers and one warning', async () => {
    const warnings: string[] = [];
    const predictor = await openPredictor(out, { backend, onWarning: (text) => warnings.push(text) });
    const long = 'good '.repeat(40);
    const texts = ['w1 good', 'w2 bad w3', long, 'w4', long];
    const expected = await predictor.predict(texts);
    warnings.length = 0;
    let asked = 0;
    async function* batches() {
      for (const batch of [[0, null, 1], [], [2, 3], [null, 4]]) {
        asked += 1;
        yield await Promise.resolve(batch);
      }
    }
    const got: unknown[] = [];
    for await (const pairs of predictor.predictEach(batches(), (index) => (index === null ? null : texts[index]!))) {
      if (got.length === 0) expect(asked).toBe(1);
      got.push(...pairs);
    }
    expect(got).toEqual([0, null, 1, 2, 3, null, 4].map((i) => [i, i === null ? null : expect.anything()]));
    (got as [number | null, { label: string; probability: number } | null][]).forEach(([index, prediction]) => {
      if (index === null || !prediction) return;
      expect(prediction.label).toBe(expected[index]!.label);
      expect(prediction.probability).toBeCloseTo(expected[index]!.probability, 5);
    });
    expect(warnings).toEqual(['2 of 5 texts are longer than 16 tokens; only their beginning was read']);
    predictor.dispose();
  });

  it('refuses an adapter of another host and frees that host', async () => {
    const other = await writeTinyModel(join(root, 'other-bert'), 1);
    const before = tf.memory().numTensors;
    await expect(openPredictor(out, { backend, model: other })).rejects.toMatchObject({
      code: 'ADAPTER_FOR_ANOTHER_HOST',
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what is wrong with a folder', async () => {
    const folder = temporaryFolder();
    await expect(openPredictor(join(folder, 'nowhere'), { backend })).rejects.toMatchObject({ code: 'FOLDER_MISSING' });
    await expect(openPredictor(folder, { backend })).rejects.toMatchObject({ code: 'ADAPTER_NOT_FOUND' });
    const linked = join(folder, 'linked');
    cpSync(join(out, 'adapter'), linked, { recursive: true });
    symlinkSync('/etc/hostname', join(linked, 'secret.json'));
    await expect(openPredictor(linked, { backend, model })).rejects.toMatchObject({ code: 'ADAPTER_FILE_NOT_PLAIN' });
    const bare = join(folder, 'bare');
    mkdirSync(bare);
    writeFileSync(join(bare, 'adapter_config.json'), JSON.stringify({ peft_type: 'PREFIX_TUNING' }));
    await expect(locateAdapter(bare)).rejects.toMatchObject({ code: 'HOST_UNKNOWN' });
    const torn = join(folder, 'torn');
    cpSync(join(out, 'adapter'), torn, { recursive: true });
    writeFileSync(
      join(torn, 'adapter_model.safetensors'),
      readFileSync(join(torn, 'adapter_model.safetensors')).subarray(0, 200),
    );
    await expect(openPredictor(torn, { backend, model })).rejects.toMatchObject({
      code: expect.stringMatching(/^SAFETENSORS_/),
    });
  });
});

describe('measureLandscape', () => {
  const settings = { backend, radii: [1e-9, 0.5], noiseDraws: 2, data: { testCap: 40 } } as const;

  it('agrees with the tests of single points, and noise of no length changes nothing', async () => {
    const tensors = tf.memory().numTensors;
    const found = await measureLandscape(simplex(), settings);
    expect(tf.memory().numTensors).toBe(tensors);
    const at = ({ coefficients }: { coefficients: readonly number[] }) => coefficients.join(' ');
    const value = (coefficients: string) => found.points.find((point) => at(point) === coefficients)!;
    for (const [point, coefficients] of [
      ['vertex:0', '1 0'],
      ['vertex:1', '0 1'],
      ['midpoint', '0.5 0.5'],
    ] as const) {
      const { results } = await evaluateFolder(simplex(), { backend, point, data: settings.data });
      expect(value(coefficients).headline).toBeCloseTo(results['test']!.headline, 9);
    }
    const [none, ...moved] = found.noise;
    expect(none).toMatchObject({ radius: 0, headline: value('0.5 0.5').headline });
    expect(none!.loss).toBeCloseTo(value('0.5 0.5').loss, 5);
    expect(moved.map(({ radius, draw }) => `${radius} ${draw}`)).toEqual(['1e-9 1', '1e-9 2', '0.5 1', '0.5 2']);
    expect(moved[0]!.loss).toBeCloseTo(none!.loss, 5);
    expect(Math.abs(moved[2]!.loss - none!.loss)).toBeGreaterThan(1e-4);
    expect(moved[3]!.loss).not.toBe(moved[2]!.loss);
    expect(found.geometry!.rootMeanSquaredDistance).toBeGreaterThan(0);
    expect(formatLandscape(found)).toMatch(/^vertex 1 +\d+\.\d\d +\d\.\d{4}$/m);
    const page = await landscapeReport(found);
    expect(page.match(/<svg/g)).toHaveLength(2);
    expect(page).not.toMatch(/(src|href)="http/);
  });

  it('looks around a method that is no simplex, and refuses noise of no length', async () => {
    const plain = join(out, result.trials[0]!.folder);
    const found = await measureLandscape(plain, { ...settings, radii: [0.5], noiseDraws: 1 });
    expect(found).toMatchObject({ vertices: 0, geometry: null, points: [] });
    expect(found.noise).toHaveLength(2);
    await expect(measureLandscape(plain, { ...settings, radii: [0] })).rejects.toMatchObject({
      code: 'LANDSCAPE_SETTINGS_INVALID',
    });
  });
});

describe('evaluateFolder', () => {
  const accuracyAt = async (point: string) => {
    const { results, test } = await evaluateFolder(simplex(), { backend, point, draws: 5 });
    expect(test).toEqual({ point, draws: 5 });
    return results['test']!.headline;
  };

  it('tests any point of a simplex from its vertices', async () => {
    expect(await accuracyAt('midpoint')).toBe(result.trials[1]!.test['test']!.headline);
    for (const point of ['vertex:0', 'vertex:1', 'random', 'ensemble']) {
      const accuracy = await accuracyAt(point);
      expect(accuracy).toBeGreaterThanOrEqual(0);
      expect(await accuracyAt(point)).toBe(accuracy);
    }
  });

  it('refuses points that are not there', async () => {
    await expect(accuracyAt('vertex:2')).rejects.toMatchObject({ code: 'VERTEX_UNKNOWN' });
    const plain = join(out, result.trials[0]!.folder);
    await expect(evaluateFolder(plain, { backend, point: 'vertex:0' })).rejects.toMatchObject({
      code: 'NOT_A_SUBSPACE',
    });
  });

  it('needs a task for an adapter without a run, and the same labels', async () => {
    const folder = join(temporaryFolder(), 'adapter');
    cpSync(join(out, 'adapter'), folder, { recursive: true });
    await expect(evaluateFolder(folder, { backend, model })).rejects.toMatchObject({ code: 'TASK_NOT_NAMED' });
    await expect(evaluateFolder(folder, { backend, model, task: 'spam-subjects' })).rejects.toMatchObject({
      code: 'LABELS_MISMATCH',
    });
  });
});

describe('the rows of a run', () => {
  const reviews = () => join(root, 'reviews.csv');
  const swap = () => {
    const text = readFileSync(reviews(), 'utf8');
    writeFileSync(reviews(), text.replaceAll('w1 ', 'w2 '));
    return () => writeFileSync(reviews(), text);
  };

  it('are those that it is tested on again, unless its task is named', async () => {
    const putBack = swap();
    try {
      const changed = {
        code: 'SPLIT_DATA_CHANGED',
        message: expect.stringMatching(/reviews\.csv .*dataHash is "[0-9a-f]+", not "/),
      };
      for (const folder of [simplex(), join(out, 'adapter')])
        await expect(evaluateFolder(folder, { backend })).rejects.toMatchObject(changed);
      await expect(measureLandscape(simplex(), { backend, data: { testCap: 5 } })).rejects.toMatchObject(changed);
      expect((await evaluateFolder(simplex(), { backend, task: 'file' })).results['test']!.rows).toBe(20);
    } finally {
      putBack();
    }
  });

  it('are told apart by the split where an older summary says no more, whatever the cap of this test', async () => {
    const older = temporaryFolder();
    cpSync(simplex(), older, { recursive: true });
    const path = join(older, 'summary.json');
    const { dataHash: _, checksum: __, ...summary } = JSON.parse(readFileSync(path, 'utf8')) as JsonObject;
    writeFileSync(path, JSON.stringify({ ...summary, checksum: jsonChecksum(summary) }));
    expect((await evaluateFolder(older, { backend, data: { testCap: 5 } })).results['test']!.rows).toBe(5);
    const putBack = swap();
    try {
      await expect(evaluateFolder(older, { backend })).rejects.toMatchObject({
        code: 'SPLIT_DATA_CHANGED',
        message: expect.stringContaining('splitHash'),
      });
    } finally {
      putBack();
    }
  });

  it('are found in the folder that is named for them', async () => {
    const moved = temporaryFolder();
    cpSync(reviews(), join(moved, 'reviews.csv'));
    rmSync(reviews());
    try {
      await expect(evaluateFolder(simplex(), { backend })).rejects.toMatchObject({ code: 'TASK_FILE_MISSING' });
      const { results } = await evaluateFolder(simplex(), { backend, data: { directory: moved } });
      expect(results).toEqual(result.trials[1]!.test);
    } finally {
      cpSync(join(moved, 'reviews.csv'), reviews());
    }
  });
});

describe('an adapter in the folder of a run', () => {
  it('has the settings of the run where the run wrote it, else its own alone', async () => {
    const trial = temporaryFolder();
    cpSync(simplex(), trial, { recursive: true });
    const guest = join(trial, 'guest');
    cpSync(join(trial, 'adapter'), guest, { recursive: true });
    expect((await locateAdapter(join(trial, 'adapter'))).trial).not.toBeNull();
    expect(await locateAdapter(guest)).toMatchObject({ trial: null, trialFolder: null });
  });

  it('cuts texts where its own record says so', async () => {
    const trial = temporaryFolder();
    cpSync(simplex(), trial, { recursive: true });
    const path = join(trial, 'config.resolved.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('maxTokens: 16', 'maxTokens: 9'));
    const predictor = await openPredictor(join(trial, 'adapter'), { backend });
    expect(predictor.maxTokens).toBe(16);
    predictor.dispose();
  });

  it('names the option for a host that is not where the run found it', async () => {
    const trial = temporaryFolder();
    cpSync(simplex(), trial, { recursive: true });
    const path = join(trial, 'config.resolved.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace(`name: ${model}`, 'name: ./moved/tiny-bert'));
    for (const folder of [trial, join(trial, 'adapter')])
      await expect(openPredictor(folder, { backend })).rejects.toMatchObject({
        code: 'HOST_UNKNOWN',
        message: expect.stringMatching(/"\.\/moved\/tiny-bert".*working directory.*--model/),
      });
    (await openPredictor(trial, { backend, model })).dispose();
  });

  it('takes no name for two of its labels', async () => {
    for (const labels of [['same', 'same'], ['one'], ['a', 'b', 'c']])
      await expect(openPredictor(out, { backend, labels })).rejects.toMatchObject({ code: 'LABELS_MISMATCH' });
  });
});

describe('plugins that a folder names', () => {
  /** A run folder that asks for a plugin, which says on `globalThis` that it ran. */
  const asking = (name: string, plugins: readonly string[]) => {
    const folder = join(root, name);
    cpSync(out, folder, { recursive: true });
    const path = join(folder, 'experiment.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('plugins: []', `plugins: ${JSON.stringify(plugins)}`));
    writeFileSync(join(folder, 'p.mjs'), `globalThis.imported = true; export const plugin = {};`);
    return folder;
  };
  const imported = () => 'imported' in globalThis;

  it.each([['./p.mjs'], ['data:text/javascript,globalThis.imported=true;export const plugin={}']])(
    'are refused with the way to allow them, and never imported: %s',
    async (name) => {
      const folder = asking(`asks-${name.length}`, [name]);
      for (const open of [openPredictor, evaluateFolder]) {
        const error: unknown = await open(folder, { backend }).catch((caught: unknown) => caught);
        expect(error).toMatchObject({ code: 'PLUGIN_NOT_ALLOWED' });
        expect(String(error)).toContain(name);
        expect(String(error)).toMatch(name.startsWith('data:') ? 'a URL is never imported' : '--plugin');
      }
      expect(imported()).toBe(false);
    },
  );

  it('are not looked for around an adapter or a trial', async () => {
    const folder = asking('asks-around', ['./p.mjs']);
    for (const inside of [join(folder, 'adapter'), join(folder, result.adapter!.trial)])
      (await openPredictor(inside, { backend })).dispose();
    expect(imported()).toBe(false);
  });

  it('are the caller`s choice: none, or his own', async () => {
    const folder = asking('asks-mine', ['./p.mjs']);
    (await openPredictor(folder, { backend, plugins: [] })).dispose();
    expect(imported()).toBe(false);
    (await openPredictor(folder, { backend, plugins: [join(folder, 'p.mjs')] })).dispose();
    expect(imported()).toBe(true);
  });

  it('are named where the method is not known without them', async () => {
    const folder = asking('asks-method', ['./p.mjs']);
    const path = join(folder, 'adapter', 'tfjs_peft.json');
    writeFileSync(
      path,
      readFileSync(path, 'utf8')
        .replaceAll('"PREFIX_TUNING"', '"MINE"')
        .replace(/"checksum": "\w+",\s*/, ''),
    );
    const error: unknown = await openPredictor(join(folder, 'adapter'), { backend }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'UNKNOWN_METHOD' });
    expect(String(error)).toMatch(/was run with the plugin "\.\/p\.mjs"; .*--plugin .*p\.mjs/);
  });
});
