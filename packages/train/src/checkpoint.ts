import {
  bytesSource,
  type NamedArray,
  type NamedArrays,
  openSafetensors,
  type ParameterPlan,
  type ParameterSpec,
  PeftError,
  sizeOf,
  writeSafetensors,
} from '@tfjs-peft/peft-core';
import { z } from 'zod';
import type { CheckpointStore } from './checkpoint-store.js';
import { parseNumbers, printNumbers } from './json-numbers.js';
import type { RunIdentity } from './run-identity.js';
import type { Selection } from './selection.js';
import type { MetricsRow } from './train-events.js';
import type { TrainingArrays } from './training-tensors.js';

/** The one file of a checkpoint: tensors, and everything else as JSON in its metadata, so that a kill cannot tear them apart. */
export const checkpointName = 'checkpoint.safetensors';

/** A run between two updates. */
export interface Checkpoint {
  readonly identity: RunIdentity;
  /** Name of the TensorFlow.js backend; another one goes on, but not to the bit. */
  readonly backend: string;
  readonly step: number;
  /** Step of the last evaluation, 0 if there was none: one that is due and was interrupted is done again. */
  readonly lastEvaluation: number;
  readonly selection: Selection;
  readonly history: readonly MetricsRow[];
  readonly arrays: TrainingArrays;
  /** Raw parameters of the best state; null as long as there is none. */
  readonly best: NamedArrays | null;
}

const count = z.number().int().nonnegative();
/** zod's own number refuses the NaN of an undefined metric. */
const anyNumber = z.custom<number>((value) => typeof value === 'number');
const anyObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const stateSchema = z.strictObject({
  version: z.literal(1),
  identity: z.custom<RunIdentity>(anyObject),
  backend: z.string(),
  step: count,
  lastEvaluation: count,
  selection: z.strictObject({
    best: z
      .strictObject({ step: count, headline: anyNumber, loss: anyNumber, metrics: z.record(z.string(), anyNumber) })
      .nullable(),
    waited: count,
  }),
  history: z.array(z.custom<MetricsRow>(anyObject)),
});

/** Errors: `CHECKPOINT_NOT_WRITTEN`; the earlier checkpoint is then still there. */
export async function writeCheckpoint(store: CheckpointStore, checkpoint: Checkpoint): Promise<void> {
  const { arrays, best, ...state } = checkpoint;
  const tensors = new Map<string, NamedArray>();
  for (const [group, named] of Object.entries<NamedArrays | null>({ ...arrays, best }))
    for (const [name, array] of named ?? []) tensors.set(`${group}:${name}`, array);
  const bytes = writeSafetensors(tensors, { metadata: { state: printNumbers({ version: 1, ...state }) } });
  try {
    await store.write(checkpointName, bytes);
  } catch (cause) {
    throw new PeftError('CHECKPOINT_NOT_WRITTEN', {
      found: `${checkpointName} (${bytes.length} bytes) could not be written after step ${state.step}: ${String(cause)}`,
      fix: 'make room or give a folder that can be written, then start the same run again: it goes on from its last checkpoint',
      cause,
    });
  }
}

/**
 * The checkpoint of a store, or null. `check` sees the identity before any tensor is read.
 * Errors: `CHECKPOINT_UNREADABLE`, and those of `check`.
 */
export async function readCheckpoint(
  store: CheckpointStore,
  check: (identity: RunIdentity) => ParameterPlan,
): Promise<Checkpoint | null> {
  const bytes = await store.read(checkpointName);
  if (bytes === null) return null;
  const unreadable = (cause: unknown) =>
    new PeftError('CHECKPOINT_UNREADABLE', {
      found: `${checkpointName} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a complete checkpoint of this version',
      fix: `remove ${checkpointName} to start the run over`,
      cause,
    });
  const file = await openSafetensors(bytesSource(checkpointName, bytes)).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  const parsed = readState(file.metadata.get('state'));
  if (!parsed.success) throw unreadable(parsed.error);
  const { version: _, ...state } = parsed.data;
  const plan = check(state.identity);
  const trainable = plan.raw.filter((spec) => spec.trainable !== false);
  const readGroup = async (group: string, specs: readonly ParameterSpec[]): Promise<NamedArrays> => {
    const arrays = new Map<string, NamedArray>();
    for (const { name, shape } of specs) {
      const data = await file.readFloat32(`${group}:${name}`);
      if (data.length !== sizeOf(shape)) throw new Error(`${group}:${name} has ${data.length} numbers`);
      arrays.set(name, { shape, data });
    }
    return arrays;
  };
  try {
    const arrays = {
      raw: await readGroup('raw', plan.raw),
      firstMoments: await readGroup('firstMoments', trainable),
      secondMoments: await readGroup('secondMoments', trainable),
    };
    return { ...state, arrays, best: state.selection.best && (await readGroup('best', plan.raw)) };
  } catch (cause) {
    throw unreadable(cause);
  }
}

function readState(text: string | undefined) {
  try {
    return stateSchema.safeParse(text === undefined ? undefined : parseNumbers(text));
  } catch (error) {
    return { success: false as const, error };
  }
}
