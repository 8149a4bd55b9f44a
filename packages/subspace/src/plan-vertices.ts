import type { HostSpec } from '@tfjs-peft/peft-core';
import type { ParameterPlan } from '@tfjs-peft/peft-core/authoring';
import type { Simplex } from './simplex.js';
import { vertexName } from './vertex-names.js';

/** The plan of all vertices: a copy of each parameter a vertex, then what they share. */
export function planVertices(simplex: Simplex, host: HostSpec): ParameterPlan {
  const { raw, effective, buffers, notes } = simplex.planOf(host);
  const rawOf = (vertex: number) => (vertex === 0 ? raw : (simplex.prepared?.[vertex]?.plan(host).raw ?? raw));
  return {
    raw: copies(simplex, host, rawOf, (spec, vertex) => ({
      ...spec,
      name: vertexName(spec.name, vertex),
      // The first vertex starts where the method alone would: one vertex is the plain method, bit for bit.
      stream: vertex === 0 ? (spec.stream ?? spec.name) : vertexName(spec.stream ?? spec.name, vertex),
    })),
    effective: copies(
      simplex,
      host,
      () => effective,
      (spec, vertex) => ({ ...spec, name: vertexName(spec.name, vertex) }),
    ),
    ...(buffers && { buffers }),
    ...(notes && { notes }),
  };
}

function copies<Spec extends { readonly name: string }>(
  { indices, planOf }: Simplex,
  host: HostSpec,
  specsOf: (vertex: number) => readonly Spec[],
  copy: (spec: Spec, vertex: number) => Spec,
): Spec[] {
  const { shared } = planOf(host);
  return [
    ...indices.flatMap((vertex) =>
      specsOf(vertex)
        .filter(({ name }) => !shared.has(name))
        .map((spec) => copy(spec, vertex)),
    ),
    ...specsOf(0).filter(({ name }) => shared.has(name)),
  ];
}
