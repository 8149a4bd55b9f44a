import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { openPredictor, runExperiment } from '@tfjs-peft/eval';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { temporaryFolder } from './tiny-model.js';

useTestBackend();

describeOnNative('spam by subject line on the embedded host', () => {
  it('runs from the task to a classified line', async () => {
    const folder = join(temporaryFolder(), 'spam');
    const { trials } = await runExperiment(
      {
        version: 1,
        task: 'spam-subjects',
        data: { shots: 20, testCap: 20, maxTokens: 24 },
        methods: ['majority', 'linear-probe', 'prefix', 'prefix-subspace'],
        train: { steps: 3, batchSize: 8, evaluateEvery: { epochs: 0, minSteps: 3 }, validation: { draws: 2 } },
      },
      { folder, backend: 'current' },
    );
    expect(trials.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'majority done',
      'linear-probe done',
      'prefix done',
      'prefix-subspace done',
    ]);
    const [majority, probe, prefix, simplex] = trials;
    // 20 labels on frozen features already beat guessing, so the host and its tokenizer work.
    expect(probe!.test['test']!.headline).toBeGreaterThan(majority!.test['test']!.headline);
    expect(prefix!.trainableParameters).toBe(2_561_024 + 384 * 10 + 2 * 385);
    expect(simplex!.trainableParameters).toBe(2 * prefix!.trainableParameters);
    expect(prefix!.effectiveParameters).toBe(46_080 + 2 * 385);
    const predictor = await openPredictor(folder, { backend: 'current' });
    const [line] = await predictor.predict(['You have won a prize']);
    expect(['ham', 'spam']).toContain(line!.label);
    predictor.dispose();
  });
});
