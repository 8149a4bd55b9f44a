import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  evaluateFolder,
  mergeFolder,
  openPredictor,
  parseExperiment,
  resolveExperiment,
  runExperiment,
} from '@tfjs-peft/eval';
import { hashTrial } from '@tfjs-peft/eval/run-folder';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tinyExperiment } from './tiny-experiment.js';

useTestBackend();
const backend = 'current' as const;

const prompt = { template: '*cls**sent_0*_w1*mask*.*sep+*', words: ['bad', 'good'] };
const lora = {
  type: 'COMPOSE',
  config: {},
  parts: [
    { type: 'LORA', config: { rank: 2 } },
    { type: 'HEAD', config: {} },
  ],
};
const train = { learningRate: 1e-2, validation: { mode: 'midpoint' as const } };
const methods = [
  'majority',
  'linear-probe',
  { name: 'lora', method: lora, train },
  { name: 'lora-subspace', method: { type: 'SUBSPACE', config: { vertices: 2 }, parts: [lora] }, train },
];
const onPrompts = (changes: object = {}) => tinyExperiment({ methods, model: { prompt, readout: null }, ...changes });

describe('a run on prompts', () => {
  it('trains any method and its simplex on them; what it saves predicts the same from its folder', async () => {
    const { config: given, root, out } = await onPrompts();
    const file = given.data!.file!;
    const config = { ...given, data: { ...given.data, file: { ...file, testFile: file.file } } };
    const before = tf.memory().numTensors;
    const { trials } = await runExperiment(config, { folder: out, backend });
    expect(tf.memory().numTensors).toBe(before);
    expect(trials.map(({ method, status, error }) => [method, status, error])).toEqual(
      ['majority', 'linear-probe', 'lora', 'lora-subspace'].map((name) => [name, 'done', undefined]),
    );
    const rows = readFileSync(join(root, 'reviews.csv'), 'utf8').trimEnd().split('\n').slice(1);
    for (const { folder, test } of trials.slice(2)) {
      const { results } = await evaluateFolder(join(out, folder), { backend, model: join(root, 'tiny-bert') });
      expect(results).toEqual(test);
      const recorded = readFileSync(join(out, folder, 'predictions.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { row: number; probabilities: number[] });
      const texts = recorded.map(({ row }) => rows[row]!.split(',')[0]!);
      // The adapter alone, copied elsewhere, says by itself how its texts become prompts.
      const copy = join(root, `copy-of-${folder.split('/')[1]}`);
      cpSync(join(out, folder, 'adapter'), copy, { recursive: true });
      for (const place of [join(out, folder), copy]) {
        const predictor = await openPredictor(place, { backend, model: join(root, 'tiny-bert') });
        const found = await predictor.predict(texts);
        predictor.dispose();
        for (const [index, { probabilities }] of found.entries())
          for (const [column, value] of Object.values(probabilities).entries())
            expect(value).toBeCloseTo(recorded[index]!.probabilities[column]!, 4);
      }
    }
    expect(tf.memory().numTensors).toBe(before);
    await expect(
      mergeFolder(join(out, trials[2]!.folder), { output: join(root, 'merged'), backend }),
    ).rejects.toMatchObject({ code: 'HOST_UNSUPPORTED' });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('puts demonstrations of the split behind each prompt; what it saves draws the same ones', async () => {
    const demonstrations = { choose: 'similar' as const, draws: 2 };
    const { config, root, out } = await onPrompts({
      methods: [{ name: 'lora', method: lora, train }],
      model: { prompt: { ...prompt, demonstrations }, readout: null },
      data: { maxTokens: 32 },
    });
    const file = config.data!.file!;
    const tested = { ...config, data: { ...config.data, file: { ...file, testFile: file.file } } };
    const { trials } = await runExperiment(tested, { folder: out, backend });
    expect(trials[0]).toMatchObject({ status: 'done' });
    const place = join(out, trials[0]!.folder);
    const recorded = readFileSync(join(place, 'predictions.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { row: number; probabilities: number[] });
    const rows = readFileSync(join(root, 'reviews.csv'), 'utf8').trimEnd().split('\n').slice(1);
    const predictor = await openPredictor(join(place, 'adapter'), {
      backend,
      model: join(root, 'tiny-bert'),
      maxTokens: 32,
    });
    const found = await predictor.predict(recorded.map(({ row }) => rows[row]!.split(',')[0]!));
    predictor.dispose();
    for (const [index, { probabilities }] of found.entries())
      for (const [column, value] of Object.values(probabilities).entries())
        expect(value).toBeCloseTo(recorded[index]!.probabilities[column]!, 4);
  });

  it('starts from the label words: before training it says what the masked language model says', async () => {
    const head = { name: 'words', method: { type: 'HEAD', config: {} }, train: { steps: 1, learningRate: 1e-12 } };
    const predictionsOf = async (words: readonly string[]) => {
      const { config, out } = await onPrompts({
        methods: [head],
        model: { prompt: { ...prompt, words: [...words] }, readout: null },
      });
      const { trials } = await runExperiment(config, { folder: out, backend });
      const lines = readFileSync(join(out, trials[0]!.folder, 'predictions.jsonl'), 'utf8')
        .trimEnd()
        .split('\n');
      return lines.map((line) => (JSON.parse(line) as { logits: number[] }).logits);
    };
    const [plain, swapped] = [await predictionsOf(['bad', 'good']), await predictionsOf(['good', 'bad'])];
    expect(plain[0]![0]).not.toBeCloseTo(plain[0]![1]!, 2);
    for (const [row, logits] of plain.entries())
      expect(swapped[row]!.toReversed().map((x) => x.toFixed(3))).toEqual(logits.map((x) => x.toFixed(3)));
  });

  it('refuses recipes that compare features of texts', async () => {
    const pairs = { name: 'pairs', method: lora, recipe: 'contrastive', train };
    const { config, out } = await onPrompts({ methods: [pairs] });
    const { trials } = await runExperiment(config, { folder: out, backend });
    expect(trials[0]).toMatchObject({ status: 'failed', error: { code: 'RECIPE_UNFIT' } });
  });
});

describe('prompts in a configuration', () => {
  const experiment = (model: object, task = 'sst2') => ({ version: 1, task, methods: ['head'], model });

  it('are those of the task unless they are given, and make another trial', () => {
    expect(parseExperiment(experiment({ prompt: {} })).model.prompt).toMatchObject({ words: ['terrible', 'great'] });
    expect(parseExperiment(experiment({})).model).not.toHaveProperty('prompt');
    const hashOf = (model: object) => hashTrial(resolveExperiment(experiment(model) as never).trials[0]!);
    const hashes = [{}, { prompt: {} }, { prompt }, { prompt: { ...prompt, mlm: './head' } }].map(hashOf);
    expect(new Set(hashes).size).toBe(4);
    expect(hashOf({ prompt: { ...prompt, mlm: '/elsewhere/head' } })).toBe(hashes[3]);
  });

  it.each([
    [{ prompt: {} }, 'stsb', 'PROMPT_UNKNOWN'],
    [{ prompt: { words: ['a', 'b'] } }, 'sst2', 'CONFIG_INVALID'],
  ])('refuses %j on %s', (model, task, code) => {
    expect(() => parseExperiment(experiment(model, task))).toThrow(expect.objectContaining({ code }));
  });
});
