import type { Parameters } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';

/** `prefix.layer.keys` of vertex 1 is `prefix.vertex.1.layer.keys`: the namespace stays in front. */
export const vertexName = (name: string, vertex: number): string => name.replace('.', `.vertex.${vertex}.`);

const pattern = /^([^.]+)\.vertex\.(\d+)\./;

/** Which vertex a parameter belongs to; undefined for one that the whole simplex shares. */
export const vertexOf = (name: string): number | undefined => {
  const match = pattern.exec(name);
  return match ? Number(match[2]) : undefined;
};

/** The parameters of one vertex under their plain names, shared ones included. */
export function selectVertex(parameters: Parameters, vertex: number): Parameters {
  return new Map(
    [...parameters].flatMap(([name, tensor]): [string, tf.Tensor][] => {
      const match = pattern.exec(name);
      if (!match) return [[name, tensor]];
      return Number(match[2]) === vertex ? [[name.replace(pattern, '$1.'), tensor]] : [];
    }),
  );
}

/** Names of the parameters that the whole simplex shares. */
export const sharedIn = (parameters: Parameters): ReadonlySet<string> =>
  new Set([...parameters.keys()].filter((name) => vertexOf(name) === undefined));

/** Inverse of {@link selectVertex} over all vertices; shared parameters are taken from the first. */
export function mergeVertices(vertices: readonly Parameters[], shared: ReadonlySet<string>): Parameters {
  return new Map([
    ...vertices.flatMap((parameters, vertex) =>
      [...parameters]
        .filter(([name]) => !shared.has(name))
        .map(([name, tensor]) => [vertexName(name, vertex), tensor] as const),
    ),
    ...[...vertices[0]!].filter(([name]) => shared.has(name)),
  ]);
}
