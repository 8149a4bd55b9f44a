import {
  type MethodDescription,
  type NamedArray,
  type NamedArrays,
  PeftError,
  bytesSource,
  openSafetensors,
} from '@tfjs-peft/peft-core';
import { dtypeOf, type ParameterPlan } from '@tfjs-peft/peft-core/authoring';
import { digestBytes, writeSafetensors } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import type { CheckpointStore } from './checkpoint-store.js';
import { parseNumbers, printNumbers } from './json-numbers.js';
import type { RunIdentity } from './run-identity.js';
import type { Selection } from './selection.js';
import type { MetricsRow } from './train-events.js';
import { readTensors, type TrainingArrays, type TrainingState } from './training-state.js';

/** The one file of a checkpoint: tensors, and everything else as JSON in its metadata, so that a kill cannot tear them apart. */
export const checkpointName = 'checkpoint.safetensors';

/** A run between two updates, as its file holds it. */
export interface Checkpoint {
  readonly identity: RunIdentity;
  /** The method as it was prepared. */
  readonly method: MethodDescription;
  /** Name of the TensorFlow.js backend; another one goes on, but not to the bit. */
  readonly backend: string;
  readonly step: number;
  readonly lastEvaluation: number;
  readonly selection: Selection;
  readonly history: readonly MetricsRow[];
  readonly arrays: TrainingArrays;
  readonly best: NamedArrays | null;
  readonly others: TrainingState['others'];
}

const version = 2;
const count = z.number().int().nonnegative();
/** zod's own number refuses the NaN of an undefined metric. */
const anyNumber = z.custom<number>((value) => typeof value === 'number');
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const description: z.ZodType<MethodDescription> = z.strictObject({
  type: z.string(),
  config: z.custom<MethodDescription['config']>(isObject),
  version: z.string().optional(),
  parts: z.array(z.lazy(() => description)).optional(),
});
const selection = z.strictObject({
  best: z
    .strictObject({ step: count, headline: anyNumber, loss: anyNumber, metrics: z.record(z.string(), anyNumber) })
    .nullable(),
  waited: count,
});
const stateSchema = z.strictObject({
  version: z.literal(version),
  identity: z.custom<RunIdentity>(isObject),
  method: description,
  backend: z.string(),
  step: count,
  lastEvaluation: count,
  selection,
  /** Of the further rules; absent in a run of one rule. */
  selections: z.record(z.string(), selection).optional(),
  history: z.array(z.custom<MetricsRow>(isObject)),
});

/** What of a run its checkpoint holds. */
export interface CheckpointedRun extends TrainingState {
  readonly identity: RunIdentity;
  readonly method: MethodDescription;
  readonly history: readonly MetricsRow[];
}

/** Errors: `CHECKPOINT_NOT_WRITTEN`; the earlier checkpoint is then still there. */
export async function writeCheckpoint(store: CheckpointStore, run: CheckpointedRun): Promise<void> {
  const { tensors: current, best, others, ...state } = run;
  const { raw, optimiser } = await readTensors(current);
  const tensors = new Map<string, NamedArray>();
  const add = (group: string, arrays: NamedArrays) =>
    arrays.forEach((array, name) => tensors.set(`${group}:${name}`, array));
  add('raw', raw);
  optimiser.forEach((arrays, slot) => add(`optimiser.${slot}`, arrays));
  if (best) add('best', best);
  // Rules often choose the same state: each is stored once.
  const stored = new Set([state.selection.best?.step]);
  for (const { selection, best: chosen } of others.values()) {
    if (!chosen || stored.has(selection.best!.step)) continue;
    stored.add(selection.best!.step);
    add(bestAt(selection.best!.step), chosen);
  }
  const selections = Object.fromEntries([...others].map(([rule, { selection }]) => [rule, selection]));
  const text = printNumbers({
    version,
    backend: tf.getBackend(),
    ...state,
    ...(others.size > 0 && { selections }),
  });
  const metadata = { state: text, sha256: await digestContents(text, tensors) };
  const bytes = writeSafetensors(tensors, { metadata });
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
  check: (identity: RunIdentity) => void,
): Promise<Checkpoint | null> {
  const bytes = await store.read(checkpointName);
  if (bytes === null) return null;
  try {
    const file = await openSafetensors(bytesSource(checkpointName, bytes));
    const text = file.metadata.get('state') ?? '';
    const { version: _, selections = {}, ...state } = stateSchema.parse(parseNumbers(text));
    check(state.identity);
    const tensors = new Map<string, NamedArray>();
    for (const [name, { shape }] of file.tensors) tensors.set(name, { shape, data: await file.readNumbers(name) });
    if (file.metadata.get('sha256') !== (await digestContents(text, tensors)))
      throw new Error('its contents do not fit its checksum');
    const groups = groupTensors(tensors);
    const slots = [...groups].filter(([group]) => group.startsWith('optimiser.'));
    return {
      ...state,
      arrays: {
        raw: groups.get('raw') ?? new Map(),
        optimiser: new Map(slots.map(([group, arrays]) => [group.slice('optimiser.'.length), arrays])),
      },
      best: state.selection.best && (groups.get('best') ?? new Map()),
      others: new Map(
        Object.entries(selections).map(([rule, chosen]) => {
          const group = chosen.best?.step === state.selection.best?.step ? 'best' : bestAt(chosen.best?.step ?? 0);
          return [rule, { selection: chosen, best: chosen.best && (groups.get(group) ?? new Map()) }];
        }),
      ),
    };
  } catch (error) {
    if (error instanceof PeftError && error.code === 'CHECKPOINT_OF_ANOTHER_RUN') throw error;
    throw unreadable(error);
  }
}

/** What the tensors of a checkpoint must be. */
export interface CheckpointLayout {
  readonly plan: ParameterPlan;
  /** Names of what is trained. */
  readonly trained: readonly string[];
  readonly slots: readonly string[];
}

/**
 * The tensors of a checkpoint in the order of the plan, since a file has an order of its own. It must hold exactly what the run needs.
 * Errors: `CHECKPOINT_UNREADABLE`.
 */
export function arrangeArrays(
  { arrays, best, others }: Pick<Checkpoint, 'arrays' | 'best' | 'others'>,
  { plan, trained, slots }: CheckpointLayout,
): Pick<Checkpoint, 'arrays' | 'best' | 'others'> {
  const specs = [...plan.raw.map((spec) => ({ ...spec, dtype: 'float32' as const })), ...(plan.buffers ?? [])];
  const arrange = (found: NamedArrays, group: string, wanted: typeof specs): NamedArrays => {
    if (found.size !== wanted.length) throw unreadable(`${found.size} tensors of ${group} instead of ${wanted.length}`);
    return new Map(
      wanted.map(({ name, shape, dtype }) => {
        const array = found.get(name);
        if (array?.shape.join() === shape.join() && dtypeOf(array.data) === dtype) return [name, array];
        throw unreadable(`no ${dtype} tensor "${name}" of shape [${shape.join(', ')}] in ${group}`);
      }),
    );
  };
  const own = trained.map((name) => specs.find((spec) => spec.name === name)!);
  return {
    arrays: {
      raw: arrange(arrays.raw, 'raw', specs),
      optimiser: new Map(
        slots.map((slot) => [slot, arrange(arrays.optimiser.get(slot) ?? new Map(), `optimiser.${slot}`, own)]),
      ),
    },
    best: best && arrange(best, 'best', specs),
    others: new Map(
      [...others].map(([rule, choice]) => [
        rule,
        { ...choice, best: choice.best && arrange(choice.best, `best of ${rule}`, specs) },
      ]),
    ),
  };
}

const bestAt = (step: number) => `best@${step}`;

function groupTensors(tensors: NamedArrays): Map<string, NamedArrays> {
  const groups = new Map<string, Map<string, NamedArray>>();
  for (const [stored, array] of tensors) {
    const colon = stored.indexOf(':');
    const group = stored.slice(0, colon);
    groups.set(group, (groups.get(group) ?? new Map<string, NamedArray>()).set(stored.slice(colon + 1), array));
  }
  return groups;
}

/** SHA-256 over the state's text and, by name, shapes and numbers of all tensors. */
export async function digestContents(state: string, tensors: NamedArrays): Promise<string> {
  const parts: string[] = [state];
  for (const [name, { shape, data }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)))
    parts.push(`${name} ${shape.join()} ${await digestBytes(data)}`);
  return digestBytes(new TextEncoder().encode(parts.join('\n')));
}

const unreadable = (cause: unknown) =>
  new PeftError('CHECKPOINT_UNREADABLE', {
    found: `${checkpointName} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    expected: 'a complete checkpoint of this version',
    fix: `remove ${checkpointName} to start the run over`,
    cause,
  });
