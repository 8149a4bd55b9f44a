import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type ExperimentEvent, openPredictor, resolveExperiment, runExperiment } from '@tfjs-peft/eval';
import { hashTrial, trialFolderName } from '@tfjs-peft/eval/run-folder';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tinyExperiment } from './tiny-experiment.js';

useTestBackend();
const backend = 'current' as const;

const prefix = { type: 'PREFIX_TUNING', config: { prefixLength: 3, reparametrisation: 'none' } };
const simplex = { type: 'SUBSPACE', config: { vertices: 2 }, parts: [prefix] };
const withHead = (part: object) => ({ type: 'COMPOSE', config: {}, parts: [part, { type: 'HEAD', config: {} }] });
const settings = { learningRate: 3e-2, steps: 8, patience: null, validation: { mode: 'midpoint' as const } };
const entry = (name: string, method: object, recipe: 'supervised' | 'contrastive' | 'joint-contrastive') =>
  ({ name, method, recipe, train: settings }) as never;

describe('recipes', () => {
  it('learn from pairs and fit the head at once, alone and under a simplex; what they save predicts', async () => {
    const { config, root, out } = await tinyExperiment({
      methods: [
        entry('pairs', withHead(prefix), 'contrastive'),
        entry('pairs-subspace', withHead(simplex), 'contrastive'),
      ],
      test: { trace: true },
    });
    const before = tf.memory().numTensors;
    const said: string[] = [];
    const onEvent = (event: ExperimentEvent) => void (event.type === 'warning' && said.push(event.text));
    const { trials } = await runExperiment(config, { folder: out, backend, onEvent });
    expect(tf.memory().numTensors).toBe(before);
    // Nothing is judged on the way.
    expect(said.filter((text) => text.startsWith('test.trace has no effect'))).toHaveLength(2);
    for (const { status, test, dev, folder, steps } of trials) {
      expect(status).toBe('done');
      expect(steps).toBe(8);
      expect(dev).toMatchObject({ step: 8 });
      // "good" and "bad" are far apart already: a head on the features of any adapter tells them.
      expect(test.test!.metrics.accuracy).toBeGreaterThan(80);
      const predictor = await openPredictor(join(out, folder), { backend });
      const rows = readFileSync(join(root, 'reviews.csv'), 'utf8').trimEnd().split('\n').slice(1, 101);
      const predictions = await predictor.predict(rows.map((row) => row.split(',')[0]!));
      predictor.dispose();
      expect(predictions.filter(({ label }, row) => label === rows[row]!.split(',')[1]).length).toBeGreaterThan(80);
    }
    const losses = readFileSync(join(out, trials[0]!.folder, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(losses).toHaveLength(8);
  });

  it('add a contrastive term to the loss in one stage', async () => {
    const { config, out } = await tinyExperiment({ methods: [entry('both', withHead(prefix), 'joint-contrastive')] });
    const { trials } = await runExperiment(config, { folder: out, backend });
    const rows = readFileSync(join(out, trials[0]!.folder, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    const first = JSON.parse(rows[0]!) as { terms: { contrastive: number } };
    expect(first.terms.contrastive).toBeGreaterThan(0);
    expect(first.terms.contrastive).toBeLessThan(4);
  });

  it('are part of what a trial is, and leave the hash of supervised ones as it was', async () => {
    const { config } = await tinyExperiment({
      methods: [
        entry('a', withHead(prefix), 'supervised'),
        { name: 'b', method: withHead(prefix), train: settings } as never,
        entry('c', withHead(prefix), 'contrastive'),
      ],
    });
    const [supervised, unnamed, contrastive] = resolveExperiment(config).trials.map(hashTrial);
    expect(unnamed).toBe(supervised);
    expect(contrastive).not.toBe(supervised);
  });

  it.each([
    ['a head inside the simplex', { type: 'SUBSPACE', config: { vertices: 2 }, parts: [withHead(prefix)] }],
    ['a head alone', { type: 'HEAD', config: {} }],
  ])('refuse %s', async (_, method) => {
    const { config, out } = await tinyExperiment({ methods: [entry('unfit', method, 'contrastive')] });
    const { trials } = await runExperiment(config, { folder: out, backend });
    expect(trials[0]).toMatchObject({ status: 'failed', error: { code: 'RECIPE_UNFIT' } });
  });

  it('go on after an interruption to the same adapter', async () => {
    const methods = [entry('pairs', withHead(prefix), 'contrastive')];
    const train = { checkpointEvery: 2 };
    const whole = await tinyExperiment({ methods, train });
    await runExperiment(whole.config, { folder: whole.out, backend });
    const cut = await tinyExperiment({ methods, train });
    const stop = new AbortController();
    await expect(
      runExperiment(cut.config, {
        folder: cut.out,
        backend,
        signal: stop.signal,
        onEvent: (event) => {
          if (event.type === 'train' && event.event.type === 'step' && event.event.step === 4) stop.abort();
        },
      }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await runExperiment(cut.config, { folder: cut.out, backend, resume: true });
    const adapterIn = ({ config, out }: typeof whole) =>
      readFileSync(
        join(
          out,
          'trials',
          trialFolderName(resolveExperiment(config).trials[0]!),
          'adapter',
          'adapter_model.safetensors',
        ),
      );
    expect(adapterIn(cut).equals(adapterIn(whole))).toBe(true);
  });
});
