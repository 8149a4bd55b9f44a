import type { HostSpec, PeftMethod } from '@tfjs-peft/peft-core';
import { type EffectiveSpec, namespaceOf, trainableNames } from '@tfjs-peft/peft-core/authoring';

/**
 * The effective parameters that training changes, as the plan tells: what noise may move. One that has the name of a raw parameter is trained if
 * that is. Another one comes from `reparametrise`: it is trained if its namespace trains anything, and if it is shared, anything shared.
 * Errors: those of `plan`.
 */
export function trainedEffective(method: PeftMethod, host: HostSpec): readonly EffectiveSpec[] {
  const plan = method.plan(host);
  const names = new Set(plan.raw.map(({ name }) => name));
  const trained = new Set(trainableNames(plan));
  const sources = plan.raw.filter(({ name }) => trained.has(name));
  return plan.effective.filter(({ name, shared }) =>
    names.has(name)
      ? trained.has(name)
      : sources.some((raw) => namespaceOf(raw.name) === namespaceOf(name) && (!shared || raw.shared)),
  );
}
