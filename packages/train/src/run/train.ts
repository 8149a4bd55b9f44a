import { createStream, initialValues, substream } from '@tfjs-peft/peft-core';
import type { Optimiser, ParameterPlan } from '@tfjs-peft/peft-core/authoring';
import { groupParameters } from '../optimisers/parameter-groups.js';
import { nothingToTrain } from '../step/training-step.js';
import { arrangeArrays, type Checkpoint, checkpointName, readCheckpoint } from './checkpoint.js';
import { prepareMethod, restorePrepared } from './prepare-method.js';
import { identifyRun, requireSameRun } from './run-identity.js';
import { runTraining } from './run-training.js';
import { countSteps, groupsOf, optimiserOf } from './train-config.js';
import type { TrainingRequest, TrainingResult } from './training-request.js';
import { startState, toTensors, type TrainingState } from './training-state.js';

/**
 * Trains the parameters of a method on a frozen host. The same request gives the same bits on the same backend, also when it was
 * interrupted and started again with the same store.
 *
 * Errors: `LABEL_INVALID`, `LOGITS_MISSING`, `LOGITS_MISSHAPEN`, `NOTHING_TO_TRAIN`, `GROUP_MATCHES_NOTHING`, `TRAINING_DIVERGED`,
 * `INTERRUPTED`, `CHECKPOINT_OF_ANOTHER_RUN`, `CHECKPOINT_UNREADABLE`, `CHECKPOINT_NOT_WRITTEN`, and those of objective and method.
 */
export async function train<Targets>(request: TrainingRequest<Targets>): Promise<TrainingResult> {
  const { host, config, store, seed, source, objective, evaluator = null, onEvent } = request;
  const optimiser = request.optimiser ?? optimiserOf(config);
  const root = createStream(seed);
  const initial = substream(root, 'initial-values');
  const identity = identifyRun({ ...request, evaluator, optimiser });
  const checkpoint = store
    ? await readCheckpoint(store, (stored) => requireSameRun(stored, identity, checkpointName))
    : null;
  const method = checkpoint
    ? restorePrepared(request.method, checkpoint.method)
    : await prepareMethod(request.method, {
        host,
        source,
        objective,
        batchSize: config.batchSize,
        stream: initial,
        onProgress: ({ done, total }) => onEvent?.({ type: 'prepare', done, total }),
      });
  const plan = method.plan(host.spec);
  const groups = groupParameters(plan, host.spec, config, groupsOf(config));
  if (groups.trained.length === 0) throw nothingToTrain(`the method ${method.type} has no trainable parameters`);
  const fresh = () => startState(initialValues(plan, initial), groups.trained, optimiser);
  const start = checkpoint ? resumeState(checkpoint, plan, groups.trained, optimiser) : fresh();
  return runTraining(
    {
      ...request,
      method,
      objective,
      evaluator,
      optimiser,
      plan,
      groups,
      identity,
      root,
      order: substream(root, 'order'),
      clipNorm: config.clipNorm,
      trained: groups.trained,
      ...countSteps(config, source.examples),
      checkpoint,
    },
    start,
  );
}

function resumeState(
  checkpoint: Checkpoint,
  plan: ParameterPlan,
  trained: readonly string[],
  optimiser: Optimiser,
): TrainingState {
  const { step, lastEvaluation, selection } = checkpoint;
  const { arrays, best } = arrangeArrays(checkpoint, { plan, trained, slots: slotsOf(optimiser) });
  return { step, lastEvaluation, selection, best, tensors: toTensors(arrays) };
}

/** Names of what an optimiser remembers. */
const slotsOf = (optimiser: Optimiser): string[] => [...optimiser.init(new Map()).keys()];
