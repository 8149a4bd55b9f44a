import {
  disposeParameters,
  type Host,
  type NamedArrays,
  type PeftMethod,
  readParameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { isSubspace, pointOfSimplex } from '@tfjs-peft/subspace';
import * as tf from '@tensorflow/tfjs';

/** Where gradients are taken: a method and its raw parameters there. */
export interface KernelPoint {
  /** Empty for a plain method; `midpoint`, `vertex 0`, … for a simplex. */
  readonly name: string;
  readonly method: PeftMethod;
  readonly parameters: NamedArrays;
}

/**
 * The points at which a method's kernel is taken. A simplex has its midpoint and its vertices, each as a point of the method inside, in effective
 * parameters: the gradient of a vertex is a share of that at the point, so that the kernel of a simplex of m vertices at its midpoint is 1/m of this one.
 */
export async function kernelPoints(method: PeftMethod, parameters: NamedArrays, host: Host): Promise<KernelPoint[]> {
  if (!isSubspace(method)) return [{ name: '', method, parameters }];
  const { vertices } = method.config;
  const inner = atEffective(method.parts![0]!);
  const all = Array.from({ length: vertices }, (_, vertex) => vertex);
  const places = [
    { name: 'midpoint', coefficients: all.map(() => 1 / vertices) },
    ...all.map((vertex) => ({ name: `vertex ${vertex}`, coefficients: all.map((other) => Number(other === vertex)) })),
  ];
  const points: KernelPoint[] = [];
  for (const { name, coefficients } of places) {
    const found = new Map<string, tf.Tensor>();
    tf.tidy(() => {
      const raw = toParameters(parameters);
      const point = pointOfSimplex(method, effectiveParameters(method, raw, host.spec), coefficients);
      point.forEach((tensor, parameter) => found.set(parameter, tf.keep(tensor.clone())));
    });
    points.push({ name, method: inner, parameters: await readParameters(found) });
    disposeParameters(found);
  }
  return points;
}

/** The method as one whose raw parameters are its effective ones. */
function atEffective(method: PeftMethod): PeftMethod {
  const { reparametrise: _reparametrise, prepare: _prepare, ...rest } = method;
  return {
    ...rest,
    plan(spec) {
      const { effective, buffers } = method.plan(spec);
      return {
        raw: effective.map(({ name, shape }) => ({ name, shape, initial: { kind: 'constant', value: 0 } })),
        effective,
        ...(buffers && { buffers }),
      };
    },
  };
}
