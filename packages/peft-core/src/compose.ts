import { z } from 'zod';
import * as tf from '@tensorflow/tfjs';
import { PeftError } from './errors.js';
import type { Host, HostInputs } from './host.js';
import { effectiveParameters, type FoldedMethod, foldMethod, type PeftMethod } from './method.js';
import { type Parameters, selectNamespaces } from './parameters.js';
import type { MethodDefinition } from './registry.js';

export const composeDefinition: MethodDefinition = {
  type: 'COMPOSE',
  config: z.strictObject({}),
  create: (_config, parts) => compose(...parts),
};

/**
 * Several methods as one: their parameters side by side, their interventions in order, their penalties summed. Parameters keep the names
 * and initial values they have alone. Errors: `NAMESPACE_TAKEN` when two parts would own the same names.
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
    config: {},
    namespaces,
    parts,
    plan(host) {
      const plans = parts.map((part) => part.plan(host));
      return { raw: plans.flatMap(({ raw }) => raw), effective: plans.flatMap(({ effective }) => effective) };
    },
    reparametrise: (raw, host) => merge(parts.map((part) => effectiveParameters(part, own(part, raw), host))),
    intervene: (effective, context) => parts.flatMap((part) => part.intervene(own(part, effective), context)),
    penalty: (effective, context) =>
      parts.reduce<tf.Scalar>(
        (sum, part) => (part.penalty ? sum.add(part.penalty(own(part, effective), context)) : sum),
        tf.scalar(0),
      ),
    objective: (objective) => parts.reduce((wrapped, part) => part.objective?.(wrapped) ?? wrapped, objective),
    ...(parts.some((part) => part.prepare) && {
      async prepare(host: Host, data: AsyncIterable<HostInputs>): Promise<PeftMethod<object>> {
        const prepared: PeftMethod[] = [];
        for (const part of parts) prepared.push(part.prepare ? await part.prepare(host, data) : part);
        return compose(...prepared);
      },
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
