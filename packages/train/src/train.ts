import { createStream, initialValues, substream } from '@tfjs-peft/peft-core';
import { checkRequest } from './check-request.js';
import { checkpointName, readCheckpoint } from './checkpoint.js';
import { prepareMethod } from './prepare-method.js';
import { identifyRun, requireSameRun } from './run-identity.js';
import { noSelection } from './selection.js';
import { countSteps } from './train-config.js';
import { runTraining } from './training-loop.js';
import type { TrainingRequest, TrainingResult } from './training-request.js';
import { nothingToTrain } from './training-step.js';
import { disposeTrainingTensors, startTensors, toTrainingTensors } from './training-tensors.js';

/**
 * Trains the parameters of a method on a frozen host. The same request gives the same bits on the same backend, also when it was
 * interrupted and started again with the same store.
 *
 * Errors: `TRAINING_DATA_EMPTY`, `TEXT_EMPTY`, `LABEL_INVALID`, `LOGITS_MISSING`, `LOGITS_MISSHAPEN`, `NOTHING_TO_TRAIN`,
 * `TRAINING_DIVERGED`, `INTERRUPTED`, `CHECKPOINT_OF_ANOTHER_RUN`, `CHECKPOINT_UNREADABLE`, `CHECKPOINT_NOT_WRITTEN`, and those of the
 * method's plan.
 */
export async function train(request: TrainingRequest): Promise<TrainingResult> {
  checkRequest(request);
  const { host, config, store, seed } = request;
  const root = createStream(seed);
  const initial = substream(root, 'initial-values');
  const method = await prepareMethod(request.method, host, request.train, config.batchSize, initial);
  const plan = method.plan(host.spec);
  if (!plan.raw.some(({ trainable }) => trainable !== false))
    throw nothingToTrain(`the method ${method.type} has no trainable parameters`);
  const identity = store ? identifyRun({ ...request, method }) : {};
  const checkpoint = store
    ? await readCheckpoint(store, (stored) => {
        requireSameRun(stored, identity, checkpointName);
        return plan;
      })
    : null;
  const state = {
    tensors: checkpoint ? toTrainingTensors(checkpoint.arrays) : startTensors(plan, initialValues(plan, initial)),
    step: checkpoint?.step ?? 0,
    lastEvaluation: checkpoint?.lastEvaluation ?? 0,
    selection: checkpoint?.selection ?? noSelection,
    best: checkpoint?.best ?? null,
    history: [...(checkpoint?.history ?? [])],
  };
  try {
    return await runTraining({
      ...request,
      method,
      plan,
      identity,
      root,
      ...countSteps(config, request.train.length),
      state,
      checkpoint,
    });
  } finally {
    disposeTrainingTensors(state.tensors);
  }
}
