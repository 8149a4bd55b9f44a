import { foldMethod, type Host, type Parameters, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import {
  effectiveParameters,
  type MethodDefinition,
  parseConfig,
  type Preparation,
} from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { averageDraws } from './average-draws.js';
import { type SubspaceConfig, subspaceConfig } from './config.js';
import { interveneAtPoint } from './intervene-at-point.js';
import { meanOfVertices } from './mix-vertices.js';
import { penaliseVertices } from './penalise-vertices.js';
import { planVertices } from './plan-vertices.js';
import { prepareVertices } from './prepare-vertices.js';
import { createSimplex, type Simplex, verticesOf } from './simplex.js';
import { mergeVertices, selectVertex, sharedIn } from './vertex-names.js';

/** Makes simplexes known by name: type `SUBSPACE`. */
export const subspaceDefinition: MethodDefinition<typeof subspaceConfig> = {
  type: 'SUBSPACE',
  config: subspaceConfig,
  create: (config, [part, ...others]) => {
    if (part && others.length === 0) return createSubspace(part, config);
    throw new PeftError('CONFIG_INVALID', {
      found: `a SUBSPACE of ${others.length + (part ? 1 : 0)} methods`,
      expected: 'exactly one (a COMPOSE counts as one)',
    });
  },
};

/**
 * A whole simplex of any method instead of one point: m independently initialised vertices are trained together, every pass in training
 * mixes them at random points (per example and site by default), and deployment takes the midpoint. Falissard, Guigue and Soulier 2023
 * (arXiv 2310.15793) for prefixes and heads; a reimplementation.
 *
 * Errors: `CONFIG_INVALID`; `WRAPPED_TWICE` for a simplex of a simplex.
 */
export const subspace = (method: PeftMethod, config: z.input<typeof subspaceConfig> = {}): PeftMethod<SubspaceConfig> =>
  createSubspace(method, parseConfig(subspaceConfig, config, 'subspace'));

/** True for a simplex, also one that another copy of this package made. */
export const isSubspace = (method: PeftMethod): method is PeftMethod<SubspaceConfig> =>
  method.type === subspaceDefinition.type;

/** `prepared` has one concrete method a vertex, the first of them `inner`; without it all vertices are copies of `inner`. */
function createSubspace(
  inner: PeftMethod,
  config: SubspaceConfig,
  prepared?: readonly PeftMethod[],
): PeftMethod<SubspaceConfig> {
  if (containsSubspace(inner))
    throw new PeftError('WRAPPED_TWICE', {
      found: 'a simplex of a method that already is, or contains, a simplex',
      fix: 'wrap once, around the composition: subspace(compose(a, b))',
    });
  const simplex = createSimplex(inner, config, prepared);
  const { indices, planOf } = simplex;
  return {
    type: subspaceDefinition.type,
    config,
    namespaces: inner.namespaces,
    ...(inner.kinds && { kinds: inner.kinds }),
    parts: [inner],
    withParts: ([part]) => createSubspace(part!, config),
    plan: (host) => planVertices(simplex, host),
    reparametrise: (raw, host) =>
      inner.reparametrise
        ? mergeVertices(
            indices.map((vertex) => effectiveParameters(inner, selectVertex(raw, vertex), host)),
            planOf(host).shared,
          )
        : raw,
    intervene: (effective, context) => interveneAtPoint(simplex, effective, context),
    penalty: (effective, context) => penaliseVertices(simplex, effective, context),
    objective: (objective) => averageDraws(inner.objective?.(objective) ?? objective, config.trainDraws),
    ...(inner.prepare && {
      async prepare(host: Host, preparation: Preparation) {
        const starts = await prepareVertices(inner, config.vertices, host, preparation);
        return createSubspace(starts[0]!, config, starts);
      },
    }),
    ...(inner.afterStep && {
      afterStep: (raw: Parameters) =>
        mergeVertices(
          indices.map((vertex) => inner.afterStep!(selectVertex(raw, vertex))),
          sharedIn(raw),
        ),
    }),
    fold: (effective) => foldMethod(inner, meansOf(simplex, effective)),
  };
}

/** The mean of every parameter's vertices, under the plain names. */
function meansOf(simplex: Simplex, effective: Parameters): Parameters {
  const names = new Set([...effective.keys()].map((name) => name.replace(/\.vertex\.\d+\./, '.')));
  return new Map([...names].map((name) => [name, meanOfVertices(verticesOf(simplex, effective, name))]));
}

/** True for a simplex and for what has one among its parts. */
export const containsSubspace = (method: PeftMethod): boolean =>
  isSubspace(method) || (method.parts ?? []).some(containsSubspace);
