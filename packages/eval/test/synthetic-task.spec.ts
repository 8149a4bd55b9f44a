import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { runExperiment } from '@tfjs-peft/eval';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tinyExperiment, tinyPrefix, tinySubspace } from './tiny-experiment.js';

useTestBackend();
const backend = 'current' as const;
type Row = { split: string; step: number; loss: number; headline?: number; metrics?: object; midpointMetrics?: object };
const metricsOf = (...path: string[]): Row[] =>
  readFileSync(join(...path, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
const losses = (rows: Row[]) => rows.filter(({ split }) => split === 'train').map(({ loss }) => loss);
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe('a simplex of prefixes and heads on a separable task', () => {
  it('learns it: the loss falls, the midpoint is right, the vertices are apart', async () => {
    const { config, out } = await tinyExperiment({
      methods: ['majority', tinySubspace],
      data: { shots: 60, testCap: null },
      train: { steps: 150, batchSize: 16, evaluateEvery: { epochs: 0, minSteps: 25 } },
    });
    const { trials } = await runExperiment(config, { folder: out, backend });
    const [floor, simplex] = trials;
    const train = losses(metricsOf(out, simplex!.folder));
    expect(mean(train.slice(-10))).toBeLessThan(0.5 * mean(train.slice(0, 10)));
    expect(simplex!.test['test']!.metrics['accuracy']).toBeGreaterThan(95);
    expect(floor!.test['test']!.metrics['accuracy']).toBeLessThan(65);
    expect(simplex!.simplex!.rootMeanSquaredDistance).toBeGreaterThan(0);
    expect(simplex!.simplex!.meanSquaredCosine).toBeGreaterThanOrEqual(0);
    expect(simplex!.simplex!.meanSquaredCosine).toBeLessThan(1);
    expect(simplex!.simplex!.vertexNorm).toBeGreaterThan(simplex!.simplex!.midpointNorm);
  });

  it('trains the same whatever the validation draws', async () => {
    const entry = (name: string, validation: object) => ({
      ...tinySubspace,
      name,
      train: { learningRate: 1e-2, validation },
    });
    const { config, out } = await tinyExperiment({
      methods: [entry('none', { mode: 'midpoint' }), entry('ten', { mode: 'stochastic', draws: 10 })],
      train: { steps: 10, batchSize: 8, patience: null, evaluateEvery: { epochs: 0, minSteps: 3 } },
    });
    const { trials } = await runExperiment(config, { folder: out, backend });
    const [none, ten] = trials.map(({ folder }) => metricsOf(out, folder));
    expect(losses(ten!)).toEqual(losses(none!));
    const dev = (rows: Row[]) => rows.filter(({ split }) => split === 'dev');
    expect(dev(ten!).map(({ midpointMetrics }) => midpointMetrics)).toEqual(dev(none!).map(({ metrics }) => metrics));
  });

  it('with one vertex is plain prefix tuning, in training, validation and test', async () => {
    const one = {
      name: 'one-vertex',
      method: { type: 'SUBSPACE', config: { vertices: 1, beta: 1 }, parts: [tinyPrefix.method] },
      train: { learningRate: 1e-2, validation: { mode: 'stochastic' as const, draws: 10, logMidpoint: false } },
    };
    const { config, out } = await tinyExperiment({
      methods: [tinyPrefix, one],
      train: { steps: 10, batchSize: 8, patience: null, evaluateEvery: { epochs: 0, minSteps: 3 } },
    });
    const { trials } = await runExperiment(config, { folder: out, backend });
    const [plain, simplex] = trials.map(({ folder }) => metricsOf(out, folder));
    expect(simplex).toEqual(plain);
    expect(trials[1]!.test).toEqual(trials[0]!.test);
    expect(trials[1]!.trainableParameters).toBe(trials[0]!.trainableParameters);
  });

  it('leaves the host as it was', async () => {
    const { config, out } = await tinyExperiment({
      methods: ['linear-probe', tinySubspace],
      seeds: { data: [13], train: [0, 1] },
    });
    const { trials } = await runExperiment(config, { folder: out, backend });
    // A second session computes the fingerprint from the files again; features come from the tensors that training has used.
    const again = await runExperiment(
      { ...config, methods: [tinySubspace, 'linear-probe'] },
      { folder: `${out}-again`, backend },
    );
    const probe = (list: typeof trials) => list.find(({ kind }) => kind === 'floor')!;
    expect(probe(again.trials).test).toEqual(probe(trials).test);
    expect(new Set([...trials, ...again.trials].map(({ hostFingerprint }) => hostFingerprint)).size).toBe(1);
  });
});
