import { createStream, substream } from '@tfjs-peft/peft-core';
import { createActivationStore, type Optimiser, type ParameterPlan, remembering } from '@tfjs-peft/peft-core/authoring';
import { groupParameters } from '../optimisers/parameter-groups.js';
import { nothingToTrain } from '../step/training-step.js';
import { arrangeArrays, type Checkpoint, checkpointName, digestContents, readCheckpoint } from './checkpoint.js';
import { prepareMethod, restorePrepared } from './prepare-method.js';
import { identifyRun, requireSameRun } from './run-identity.js';
import { runTraining } from './run-training.js';
import { activationMegabytes, countSteps, groupsOf, optimiserOf } from './train-config.js';
import type { TrainingRequest, TrainingResult } from './training-request.js';
import { isPrepared, startValues } from './start-values.js';
import { startState, toTensors, type TrainingState } from './training-state.js';

/**
 * Trains the parameters of a method on a frozen host. The same request gives the same bits on the same backend, also when it was
 * interrupted and started again with the same store.
 *
 * Errors: `INITIAL_VALUES_UNFIT`, `LABEL_INVALID`, `LOGITS_MISSING`, `LOGITS_MISSHAPEN`, `NOTHING_TO_TRAIN`, `GROUP_MATCHES_NOTHING`, `TRAINING_DIVERGED`,
 * `INTERRUPTED`, `CHECKPOINT_OF_ANOTHER_RUN`, `CHECKPOINT_UNREADABLE`, `CHECKPOINT_NOT_WRITTEN`, and those of objective and method.
 */
export async function train<Targets>(request: TrainingRequest<Targets>): Promise<TrainingResult> {
  const { host, config, store, seed, source, objective, evaluator = null, onEvent } = request;
  const optimiser = request.optimiser ?? optimiserOf(config);
  const root = createStream(seed);
  const initial = substream(root, 'initial-values');
  const initialDigest = request.initial && (await digestContents('', request.initial));
  const identity = identifyRun({ ...request, evaluator, optimiser, ...(initialDigest && { initialDigest }) });
  const checkpoint = store
    ? await readCheckpoint(store, (stored) => requireSameRun(stored, identity, checkpointName))
    : null;
  const given = request.initial ?? new Map();
  const method = checkpoint
    ? restorePrepared(request.method, checkpoint.method)
    : isPrepared(request.method.plan(host.spec), given)
      ? request.method
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
  const fresh = () =>
    startState(startValues(plan, initial, given), groups.trained, optimiser, Object.keys(config.selections ?? {}));
  const start = checkpoint ? resumeState(checkpoint, plan, groups.trained, optimiser) : fresh();
  const megabytes = config.activationMegabytes ?? activationMegabytes;
  const activations = createActivationStore(megabytes);
  return runTraining(
    {
      ...request,
      host: megabytes > 0 ? remembering(host, activations) : host,
      activations,
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
  const { arrays, best, others } = arrangeArrays(checkpoint, { plan, trained, slots: slotsOf(optimiser) });
  return { step, lastEvaluation, selection, best, others, tensors: toTensors(arrays) };
}

/** Names of what an optimiser remembers. */
const slotsOf = (optimiser: Optimiser): string[] => [...optimiser.init(new Map()).keys()];
