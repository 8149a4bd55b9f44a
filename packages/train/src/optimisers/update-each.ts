import type { Parameters } from '@tfjs-peft/peft-core';
import type { Optimiser, Update, UpdateSettings } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/** The rule of one parameter: its new value and state, one tensor a slot. */
type Rule = (
  value: tf.Tensor,
  gradient: tf.Tensor,
  state: readonly tf.Tensor[],
  settings: UpdateSettings,
) => { readonly value: tf.Tensor; readonly state: readonly tf.Tensor[] };

/** Applies a rule to every parameter that has a gradient; all others stay, with their state. */
export function updateEach(update: Update, slots: readonly string[], rule: Rule): ReturnType<Optimiser['update']> {
  const { parameters, gradients, state, settingsOf } = update;
  const values = new Map<string, tf.Tensor>();
  const states = new Map(slots.map((slot) => [slot, new Map<string, tf.Tensor>()]));
  for (const [name, value] of parameters) {
    const own = slots.map((slot) => state.get(slot)!.get(name)!);
    const gradient = gradients.get(name);
    const updated = gradient ? rule(value, gradient, own, settingsOf(name)) : { value, state: own };
    values.set(name, updated.value);
    slots.forEach((slot, index) => states.get(slot)!.set(name, updated.state[index]!));
  }
  return { parameters: values, state: states };
}

/** Zeros in the shapes of the parameters. */
export const zerosFor = (parameters: Parameters): Parameters =>
  new Map([...parameters].map(([name, { shape }]) => [name, tf.zeros(shape, 'float32')]));
