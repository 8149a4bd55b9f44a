import type { Context, Parameters, PeftMethod } from '@tfjs-peft/peft-core';
import type { EffectiveSpec } from '@tfjs-peft/peft-core/authoring';
import type { Intervention, Interventions } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import type { Subject } from '../kit/subject.js';

/** All entries of a method: one that is left out does not compile. */
const entryNames: Readonly<Record<keyof PeftMethod, true>> = {
  type: true,
  version: true,
  config: true,
  namespaces: true,
  kinds: true,
  head: true,
  parts: true,
  withParts: true,
  plan: true,
  reparametrise: true,
  intervene: true,
  penalty: true,
  objective: true,
  prepare: true,
  withConfig: true,
  afterStep: true,
  fold: true,
  afterMerge: true,
  combine: true,
  files: true,
};
const entries = Object.keys(entryNames) as readonly (keyof PeftMethod)[];

/** The method with some entries exchanged; also for methods that are instances of classes. */
export function override(method: PeftMethod, changes: Partial<PeftMethod>): PeftMethod {
  const own = entries.flatMap((key) => {
    const value: unknown = method[key];
    return value === undefined ? [] : [[key, typeof value === 'function' ? value.bind(method) : value]];
  });
  return { ...(Object.fromEntries(own) as PeftMethod), ...changes };
}

/** The subject with another method in place of its own. */
export const breakMethod = (subject: Subject, change: (method: PeftMethod) => PeftMethod): Subject => ({
  ...subject,
  make: () => change(subject.make()),
  makeUnprepared: () => change(subject.makeUnprepared()),
});

/** The same for each method that a wrapper is made of. */
export const breakLeaves = (subject: Subject, change: (method: PeftMethod) => PeftMethod): Subject =>
  breakMethod(subject, (method) => changeLeaves(method, change));

export function changeLeaves(method: PeftMethod, change: (method: PeftMethod) => PeftMethod): PeftMethod {
  if (!method.parts || !method.withParts) return change(method);
  return method.withParts(method.parts.map((part) => changeLeaves(part, change)));
}

/** The subject whose leaves do something else with a pass. */
export const breakInterventions = (
  subject: Subject,
  change: (items: Interventions, context: Context) => Interventions,
): Subject =>
  breakLeaves(subject, (method) =>
    override(method, { intervene: (effective, context) => change(method.intervene(effective, context), context) }),
  );

/** The subject whose method as a whole does something more, whatever it is made of. */
export const addInterventions = (subject: Subject, more: (context: Context) => Interventions): Subject =>
  breakMethod(subject, (method) =>
    override(method, {
      intervene: (effective, context) => [...method.intervene(effective, context), ...more(context)],
    }),
  );

/** The subject whose leaves see other effective parameters than they are given. */
export const breakEffective = (
  subject: Subject,
  change: (tensor: tf.Tensor, spec: EffectiveSpec, index: number) => tf.Tensor,
): Subject =>
  breakLeaves(subject, (method) =>
    override(method, {
      intervene(effective, context) {
        const { effective: specs } = method.plan(context.host);
        const changed = specs.map(
          (spec, index) => [spec.name, change(effective.get(spec.name)!, spec, index)] as const,
        );
        return method.intervene(new Map([...effective, ...changed]) as Parameters, context);
      },
    }),
  );

/** All numbers multiplied; indices stay what they are. */
export const multiplied = (parameters: Parameters, factor: number): Parameters =>
  new Map([...parameters].map(([name, tensor]) => [name, tensor.dtype === 'int32' ? tensor : tensor.mul(factor)]));

/** The method with a fold that multiplies what is saved and deployed: not by -1, which two factors of a product would hide. */
export const withWrongFold = (method: PeftMethod): PeftMethod =>
  override(method, {
    fold(effective) {
      const folded = method.fold?.(effective) ?? { method, effective };
      return { ...folded, effective: multiplied(folded.effective, 1.5) };
    },
  });

/** Every effect with its tensors, or the result of its function, changed. */
export const mapEffects = (items: Interventions, map: (tensor: tf.Tensor) => tf.Tensor): Interventions =>
  items.map((item) => mapEffect(item, map));

function mapEffect(item: Intervention, map: (tensor: tf.Tensor) => tf.Tensor): Intervention {
  switch (item.kind) {
    case 'lowRankDelta':
    case 'dynamicLowRankDelta':
      return { ...item, up: map(item.up) };
    case 'sparseWeightDelta':
      return { ...item, values: map(item.values) };
    case 'tap':
    case 'slopeTap':
      return item;
    case 'weightFunction': {
      const { bias } = item;
      return {
        ...item,
        weight: (frozen) => map(item.weight(frozen)),
        ...(bias && { bias: (frozen: tf.Tensor, weight: tf.Tensor) => map(bias(frozen, weight)) }),
      };
    }
    case 'weightDelta':
    case 'biasDelta':
    case 'weightMagnitude':
      return { ...item, delta: map(item.delta) };
    case 'weightScale':
      return { ...item, scale: map(item.scale) };
    case 'inputGate':
    case 'outputGate':
      return { ...item, gate: map(item.gate) };
    case 'keyValuePrefix':
      return { ...item, keys: map(item.keys), values: map(item.values) };
    case 'tokenPrefix':
      return { ...item, embeddings: map(item.embeddings) };
    case 'activationDelta':
    case 'hiddenDelta':
    case 'sublayerAdapter':
      return { ...item, apply: (x: tf.Tensor, mask: tf.Tensor2D) => map(item.apply(x, mask)) };
    case 'dynamicWeightDelta':
      return { ...item, apply: (x, frozen, mask) => map(item.apply(x, frozen, mask)) };
    case 'readout':
      return { ...item, weight: map(item.weight) };
  }
}
