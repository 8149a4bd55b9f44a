import { type NamedArrays, type Parameters, readParameters, toParameters } from '@tfjs-peft/peft-core';
import type { Optimiser } from '@tfjs-peft/peft-core/authoring';
import type { TrainingTensors } from '../step/training-step.js';
import { noSelection, type Selection } from './selection.js';

/** What one rule has chosen so far. */
export interface Choice {
  readonly selection: Selection;
  /** Raw parameters of its best evaluated state; null as long as there is none. */
  readonly best: NamedArrays | null;
}

/** A run between two updates, as a value: every step and every evaluation makes the next one. */
export interface TrainingState extends Choice {
  readonly tensors: TrainingTensors;
  /** Updates done. */
  readonly step: number;
  /** Step of the last evaluation, 0 if there was none: one that is due and was interrupted is done again. */
  readonly lastEvaluation: number;
  /** The choices of `config.selections`, by name. */
  readonly others: ReadonlyMap<string, Choice>;
}

/** The tensors of a state in host memory. */
export interface TrainingArrays {
  readonly raw: NamedArrays;
  /** One set a slot. */
  readonly optimiser: ReadonlyMap<string, NamedArrays>;
}

const noChoice: Choice = { selection: noSelection, best: null };

/** Before the first update. */
export function startState(
  values: NamedArrays,
  trained: readonly string[],
  optimiser: Optimiser,
  rules: readonly string[] = [],
): TrainingState {
  const raw = toParameters(values);
  const tensors = { raw, optimiser: optimiser.init(new Map(trained.map((name) => [name, raw.get(name)!]))) };
  return { tensors, step: 0, lastEvaluation: 0, ...noChoice, others: new Map(rules.map((rule) => [rule, noChoice])) };
}

/** The raw parameters that a state is judged by: what is trained, or what its optimiser offers in its place. */
export const judgedParameters = (
  { tensors: { raw, optimiser: state } }: TrainingState,
  optimiser: Optimiser,
): Parameters => (optimiser.judged ? new Map([...raw, ...optimiser.judged(state)]) : raw);

export const toTensors = ({ raw, optimiser }: TrainingArrays): TrainingTensors => ({
  raw: toParameters(raw),
  optimiser: new Map([...optimiser].map(([slot, arrays]) => [slot, toParameters(arrays)])),
});

export async function readTensors({ raw, optimiser }: TrainingTensors): Promise<TrainingArrays> {
  const slots = new Map<string, NamedArrays>();
  for (const [slot, parameters] of optimiser) slots.set(slot, await readParameters(parameters));
  return { raw: await readParameters(raw), optimiser: slots };
}
