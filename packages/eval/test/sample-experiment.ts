import type { TrialHistory, TrialSummary } from '../src/exports/run-folder.js';

const seeds = [13, 21, 42, 87];
const results: Record<string, number[]> = {
  majority: [55.1, 55.1, 55.1, 55.1],
  'linear-probe': [79.0, 81.9, 81.5, 76.6],
  head: [78.6, 81.2, 81.0, 77.9],
  prefix: [83.5, 86.1, 85.9, 82.4],
  'prefix-subspace': [84.1, 85.4, 86.6, 82.5],
};

/** Invented results in the shape of real ones, for tests of the reports. */
export const sampleTrials: readonly TrialSummary[] = seeds.flatMap((dataSeed, index) =>
  Object.entries(results).map(([method, values]): TrialSummary => {
    const floor = method === 'majority' || method === 'linear-probe';
    const value = values[index]!;
    return {
      id: `${index}${method.length}`.padEnd(12, '0'),
      method,
      kind: floor ? 'floor' : 'trained',
      dataSeed,
      trainSeed: 0,
      task: 'spam-subjects',
      shots: 100,
      status: 'done',
      test: { test: { headline: value, metrics: { accuracy: value, f1: value - 2 }, undefined: 0, rows: 800 } },
      headlineSplit: 'test',
      headlineMetric: 'accuracy',
      ...(!floor && { dev: { headline: value - 1, step: 60 + 20 * index } }),
      steps: floor ? 0 : 200,
      stoppedEarly: false,
      trainableParameters: floor ? 0 : method === 'head' ? 770 : 2_400_000,
      effectiveParameters: floor ? 0 : 47_000,
      trainSeconds: floor ? 0 : 11,
      seconds: floor ? 1.2 : 14.5,
      secondsPerStep: floor ? 0 : 0.06,
      fileBytes: floor ? 0 : method === 'head' ? 3_400 : 188_000,
      peakMemoryBytes: 4e8,
      ...(method === 'prefix-subspace' && {
        simplex: { meanSquaredCosine: 0.02, rootMeanSquaredDistance: 9.31, midpointNorm: 6.5, vertexNorm: 9.2 },
      }),
      splitHash: `split-${dataSeed}`,
      configHash: '0'.repeat(64),
      hostFingerprint: 'minilm',
      backend: 'wasm',
      subset: false,
      folder: `trials/${method}-${dataSeed}-0`,
      warnings: [],
    };
  }),
);

export const sampleHistories: readonly TrialHistory[] = sampleTrials
  .filter(({ kind }) => kind === 'trained')
  .map(({ method, dataSeed, trainSeed, dev }) => ({
    method,
    dataSeed,
    trainSeed,
    points: Array.from({ length: 10 }, (_, index) => {
      const wobble = ((dataSeed * (index + 3)) % 7) / 2;
      const value = dev!.headline - 18 * Math.exp(-index / 2.5) + wobble - 1;
      return {
        step: 20 * (index + 1),
        midpoint: value,
        ...(method === 'prefix-subspace' && { stochastic: value - 1.5 + wobble / 3 }),
      };
    }),
  }));
