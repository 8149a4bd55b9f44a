import { compose, head, type Host, type PeftMethod } from '@tfjs-peft/peft-core';
import { type LabelledTask, labelledTask } from '../src/labelled-task.js';
import { crossEntropy } from '../src/objectives/cross-entropy.js';
import { parseTrainConfig, type TrainConfigInput } from '../src/run/train-config.js';
import type { MetricsRow } from '../src/run/train-events.js';
import type { TrainingRequest } from '../src/run/training-request.js';
import { accuracy, toyExamples, toyShift } from './toy-host.js';

export const withHead = (method: PeftMethod): PeftMethod =>
  compose(method, head({ labels: ['low', 'high'], dropout: 0.1 }));

/** A composition prepares itself anew, without what was changed on it here. */
export const withoutPrepare = (method: PeftMethod): PeftMethod => ({ ...method, prepare: undefined });

export type ToyRequest = TrainingRequest<readonly number[]>;

/** The toy's question with other examples, another score or objective: spread it over a request. */
export const toyTask = (task: Partial<LabelledTask<number>> = {}) =>
  labelledTask<number>({
    train: toyExamples(18, 'train'),
    dev: toyExamples(11, 'dev'),
    score: accuracy,
    objective: crossEntropy(),
    ...task,
  });

/** A run of 22 steps: 5 steps an epoch with a smaller last batch, an evaluation each 5. */
export const toyRequest = (host: Host, config: TrainConfigInput = {}, rest: Partial<ToyRequest> = {}): ToyRequest => ({
  host,
  method: withHead(toyShift({ noise: 0.2, beta: 0.01 })),
  ...toyTask(),
  config: parseTrainConfig({
    learningRate: 0.02,
    batchSize: 4,
    steps: 22,
    evaluateEvery: { epochs: 1, minSteps: 1 },
    evaluationBatchSize: 4,
    patience: null,
    ...config,
  }),
  seed: 42,
  ...rest,
});

/** Everything that must be equal between runs: all but the time. */
export const comparable = (history: readonly MetricsRow[]) => history.map(({ milliseconds: _, ...row }) => row);

export const trainLosses = (history: readonly MetricsRow[]) =>
  history.filter(({ split }) => split === 'train').map(({ loss }) => loss);

/** The code of the error that a promise ends with. */
export const codeOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error: { code?: string }) => error.code ?? String(error),
  );
