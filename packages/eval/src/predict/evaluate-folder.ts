import { createStream, PeftError, substream } from '@tfjs-peft/peft-core';
import { type DataConfig, dataConfig, type TestConfig } from '../config/experiment-config.js';
import type { ExperimentConfig } from '../config/experiment-config.js';
import type { OnExperimentEvent } from '../records/experiment-event.js';
import { openSession } from '../trial/session.js';
import { evaluateTests } from '../trial/task-data.js';
import type { SplitMetrics } from '../records/trial-summary.js';
import { openAdapter, type OpenAdapterOptions } from './open-adapter.js';
import { predictAtPoint } from '../trial/predict-at-point.js';

/** At which point, on which task and data a saved adapter is tested. */
export interface EvaluateFolderOptions extends OpenAdapterOptions {
  /** Point of the simplex; default what the trial was tested at, else the midpoint. */
  readonly point?: string;
  readonly draws?: number;
  /** Another task than the one it was trained on; needed for an adapter that did not come from a run. */
  readonly task?: string;
  /** Replaces single entries of the trial's data settings: `directory`, `testCap`, ... */
  readonly data?: Partial<DataConfig>;
  readonly onEvent?: OnExperimentEvent;
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
 * Tests a saved run or adapter again, at any point of its simplex. Errors: those of {@link openAdapter} and of the task; `TASK_NOT_NAMED`,
 * `LABELS_MISMATCH`, `VERTEX_UNKNOWN`, `NOT_A_SUBSPACE`.
 */
export async function evaluateFolder(folder: string, options: EvaluateFolderOptions = {}): Promise<FolderEvaluation> {
  const opened = await openAdapter(folder, { ...options, unfolded: true });
  const { host, tokenizer, adapter, located, catalogue, backend, labels } = opened;
  const { trial } = located;
  try {
    const task = options.task ?? trial?.task;
    if (task === undefined)
      throw new PeftError('TASK_NOT_NAMED', {
        found: `"${folder}" did not come from a run here, so its task is unknown`,
        fix: 'name one: task "sst2" with its data directory, for example',
      });
    const test: TestConfig = {
      point: options.point ?? trial?.test.point ?? 'midpoint',
      draws: options.draws ?? trial?.test.draws ?? 10,
    };
    const config: Pick<ExperimentConfig, 'task' | 'data' | 'metrics' | 'model' | 'seeds'> = {
      task,
      data: { ...(trial?.data ?? dataConfig.parse({ shots: 16, protocol: 'none' })), ...options.data },
      metrics: trial?.metrics ?? { headline: 'unipelt' },
      model: located.model,
      seeds: { data: [trial?.seed.data ?? 0], train: [trial?.seed.train ?? 0] },
    };
    const session = await openSession(config, {
      catalogue,
      backend,
      host: { host, tokenizer },
      ...(options.onEvent && { onEvent: options.onEvent }),
    });
    const { data } = session;
    if (
      data.labels.length !== labels.length ||
      (labels.length > 1 && data.labels.some((label, i) => label !== labels[i]))
    )
      throw new PeftError('LABELS_MISMATCH', {
        found: `the adapter predicts ${labels.join(', ')}; task ${data.loaded.task.name} has ${data.labels.join(', ')}`,
        expected: 'the same labels in the same order',
        fix: 'name the task it was trained on, or its labels if HF peft wrote it',
      });
    const outputs = await evaluateTests(data, session.encode, (texts, name) =>
      predictAtPoint({
        host,
        method: adapter.method,
        effective: adapter.effective,
        texts,
        test,
        stream: substream(createStream(trial?.seed.train ?? 0), 'draws-test', name),
        batchSize: trial?.train?.evaluationBatchSize,
        regression: data.regression,
        onProgress: (progress) => options.onEvent?.({ type: 'progress', what: `evaluate ${name}`, ...progress }),
        signal: options.signal,
      }),
    );
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
