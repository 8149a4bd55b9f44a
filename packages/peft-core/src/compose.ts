import * as z from 'zod';
import * as tf from '@tensorflow/tfjs';
import type { Context } from './context.js';
import { PeftError } from './errors.js';
import type { Host } from './host.js';
import { effectiveParameters, type FoldedMethod, foldMethod, type PeftMethod, type Preparation } from './method.js';
import { type Parameters, selectNamespaces } from './parameters.js';
import type { ParameterPlan } from './plan.js';
import { checkedPlan } from './checked-plan.js';
import { findSharedPlaces } from './places.js';
import type { MethodDefinition } from './registry.js';

/** Makes compositions known by name: type `COMPOSE`. */
export const composeDefinition: MethodDefinition = {
  type: 'COMPOSE',
  config: z.strictObject({}),
  create: (_config, parts) => compose(...parts),
};

/**
 * Several methods as one: their parameters side by side, their interventions in order, their penalties summed. Parameters keep the names
 * and initial values they have alone. Errors: `NAMESPACE_TAKEN` when two parts would own the same names; `plan`: `SITE_CLAIMED_TWICE` when
 * two parts claim one site that bears a single method (two heads), `PLAN_FAULTY`.
 */
export function compose(...parts: readonly PeftMethod[]): PeftMethod<object> {
  const namespaces = parts.flatMap((part) => part.namespaces);
  const twice = namespaces.find((namespace, index) => namespaces.indexOf(namespace) !== index);
  if (twice !== undefined)
    throw new PeftError('NAMESPACE_TAKEN', {
      found: `two parts of a composition are both named "${twice}"`,
      expected: 'one name a part',
      fix: 'give one of them another `name` in its configuration',
    });
  const own = (part: PeftMethod, parameters: Parameters) => selectNamespaces(parameters, part.namespaces);
  const merge = (maps: readonly Parameters[]): Parameters => new Map(maps.flatMap((map) => [...map]));

  return {
    type: composeDefinition.type,
    config: Object.freeze({}),
    namespaces,
    ...(parts.every((part) => part.kinds) && { kinds: [...new Set(parts.flatMap((part) => part.kinds!))] }),
    parts,
    withParts: (others) => compose(...others),
    plan(host) {
      const plans = parts.map((part) => checkedPlan(part, host));
      requireExclusive(parts, plans);
      return joinPlans(plans);
    },
    reparametrise: (raw, host) => merge(parts.map((part) => effectiveParameters(part, own(part, raw), host))),
    intervene: (effective, context) => parts.flatMap((part) => part.intervene(own(part, effective), context)),
    // Only if there is something to add: a wrapper would have to compute the point for it.
    ...(parts.some((part) => part.penalty) && {
      penalty: (effective: Parameters, context: Context) =>
        parts.reduce<tf.Scalar>(
          (sum, part) => (part.penalty ? sum.add(part.penalty(own(part, effective), context)) : sum),
          tf.scalar(0),
        ),
    }),
    objective: (objective) => parts.reduce((wrapped, part) => part.objective?.(wrapped) ?? wrapped, objective),
    ...(parts.some((part) => part.prepare) && {
      prepare: async (host: Host, preparation: Preparation) =>
        compose(...(await prepareParts(parts, host, preparation))),
    }),
    afterStep: (raw) => merge(parts.map((part) => part.afterStep?.(own(part, raw)) ?? own(part, raw))),
    ...(parts.some((part) => part.fold) && {
      fold(effective: Parameters): FoldedMethod {
        const folded = parts.map((part) => foldMethod(part, own(part, effective)));
        return {
          method: compose(...folded.map(({ method }) => method)),
          effective: merge(folded.map((part) => part.effective)),
        };
      },
    }),
  };
}

const joinPlans = (plans: readonly ParameterPlan[]): ParameterPlan => {
  const buffers = plans.flatMap((plan) => plan.buffers ?? []);
  const notes = [...plans.flatMap((plan) => plan.notes ?? []), ...findSharedPlaces(plans)];
  return {
    raw: plans.flatMap(({ raw }) => raw),
    effective: plans.flatMap(({ effective }) => effective),
    ...(buffers.length > 0 && { buffers }),
    ...(notes.length > 0 && { notes }),
  };
};

/** One part after the other; each sees the others that need no preparing or have been prepared already. */
async function prepareParts(
  parts: readonly PeftMethod[],
  host: Host,
  preparation: Preparation,
): Promise<readonly PeftMethod[]> {
  const ready = new Map(parts.filter((part) => !part.prepare).map((part) => [part, part]));
  for (const part of parts) {
    if (!part.prepare) continue;
    const others = parts.flatMap((other) => (other === part ? [] : (ready.get(other) ?? [])));
    const around = preparation.others.namespaces.length > 0 ? [preparation.others] : [];
    ready.set(part, await part.prepare(host, { ...preparation, others: compose(...others, ...around) }));
  }
  return parts.map((part) => ready.get(part)!);
}

function requireExclusive(parts: readonly PeftMethod[], plans: readonly ParameterPlan[]): void {
  const owners = new Map<string, PeftMethod>();
  plans.forEach(({ effective }, index) => {
    for (const site of new Set(effective.flatMap((spec) => (spec.exclusive && spec.site) || []))) {
      const part = parts[index]!;
      const owner = owners.get(site);
      if (owner)
        throw new PeftError('SITE_CLAIMED_TWICE', {
          found: `${owner.type} "${owner.namespaces.join(', ')}" and ${part.type} "${part.namespaces.join(', ')}" both claim "${site}" for themselves`,
          expected: 'one method there',
          fix: 'take one of them out of the composition',
        });
      owners.set(site, part);
    }
  });
}
