import type { TestConfig } from '../config/experiment-config.js';
import type { SplitMetrics } from '../records/trial-summary.js';
import { testAdapter } from '../trial/test-adapter.js';
import { openTestedAdapter, type TestedAdapterOptions } from './open-tested-adapter.js';

/** At which point, on which task and data a saved adapter is tested. */
export interface EvaluateFolderOptions extends TestedAdapterOptions {
  /** Point of the simplex; default what the trial was tested at, else the midpoint. */
  readonly point?: string;
  readonly draws?: number;
  readonly signal?: AbortSignal;
}

/** Metrics of a saved adapter on test rows; plain JSON. */
export interface FolderEvaluation {
  readonly folder: string;
  readonly task: string;
  readonly test: TestConfig;
  /** By test set. */
  readonly results: Readonly<Record<string, SplitMetrics>>;
  readonly headlineMetric: string;
  readonly headlineSplit: string;
  readonly subset: boolean;
  readonly backend: string;
}

/**
 * Tests a saved run or adapter again, at any point of its simplex. Errors: those of `openTestedAdapter`; `VERTEX_UNKNOWN`, `NOT_A_SUBSPACE`.
 */
export async function evaluateFolder(folder: string, options: EvaluateFolderOptions = {}): Promise<FolderEvaluation> {
  const { opened, session } = await openTestedAdapter(folder, { ...options, causal: true });
  const { adapter, located, backend } = opened;
  const { trial } = located;
  const { data } = session;
  const test: TestConfig = {
    point: options.point ?? trial?.test.point ?? 'midpoint',
    draws: options.draws ?? trial?.test.draws ?? 10,
    ...(trial?.test.generation && { generation: trial.test.generation }),
  };
  try {
    const outputs = await testAdapter({
      session,
      ...adapter,
      test,
      trainSeed: trial?.seed.train ?? 0,
      batchSize: trial?.train?.evaluationBatchSize,
      progress: (what) => (progress) => options.onEvent?.({ type: 'progress', what, ...progress }),
      ...(options.signal && { signal: options.signal }),
    });
    return {
      folder,
      task: data.loaded.task.name,
      test,
      results: Object.fromEntries(outputs.map(({ name, metrics }) => [name, metrics])),
      headlineMetric: data.headlineMetric,
      headlineSplit: data.tests[0]!.name,
      subset: data.loaded.subset,
      backend: String(backend.backend),
    };
  } finally {
    opened.dispose();
  }
}
