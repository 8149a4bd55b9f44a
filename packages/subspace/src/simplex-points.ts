import { PeftError, type Parameters, type PeftMethod } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { mixVertices } from './mix-vertices.js';
import { isSubspace } from './subspace.js';
import { selectVertex } from './vertex-names.js';

/**
 * The inner method's parameters at one point of a trained simplex: `coefficients` is one number a vertex. One-hot coefficients give a
 * vertex, equal ones the midpoint. Errors: `NOT_A_SUBSPACE`, `COEFFICIENTS_INVALID`.
 */
export function pointOfSimplex(method: PeftMethod, effective: Parameters, coefficients: readonly number[]): Parameters {
  if (!isSubspace(method))
    throw new PeftError('NOT_A_SUBSPACE', { found: `a method of type ${method.type}`, expected: 'a SUBSPACE' });
  const { vertices } = method.config;
  if (coefficients.length !== vertices || !(Math.abs(coefficients.reduce((a, b) => a + b, 0) - 1) <= 1e-6))
    throw new PeftError('COEFFICIENTS_INVALID', {
      found: `coefficients [${coefficients.join(', ')}]`,
      expected: `${vertices} numbers that sum to 1`,
    });
  const points = Array.from({ length: vertices }, (_, vertex) => selectVertex(effective, vertex));
  const names = [...points[0]!.keys()].filter((name) => !effective.has(name));
  const mixed = tf.tidy(() => {
    const weights = tf.tensor2d([...coefficients], [1, vertices]);
    return names.map((name) => {
      const own = points.map((point) => point.get(name)!);
      return mixVertices(own, weights, false);
    });
  });
  const ofName = new Map(names.map((name, index) => [name, mixed[index]!]));
  return new Map([...points[0]!.keys()].map((name) => [name, effective.get(name) ?? ofName.get(name)!]));
}

/** How far the vertices of a simplex lie apart. */
export interface SimplexGeometry {
  /** Mean over pairs of vertices of the squared cosine of their effective parameters. */
  readonly meanSquaredCosine: number;
  /** Root of the mean over pairs of the squared L2 distance. */
  readonly rootMeanSquaredDistance: number;
  /** L2 norm of the midpoint and mean L2 norm of the vertices: training must close the gap between the two. */
  readonly midpointNorm: number;
  readonly vertexNorm: number;
}

/** Distances and angles between the vertices of a trained simplex, over all its effective parameters. */
export async function measureSimplex(method: PeftMethod, effective: Parameters): Promise<SimplexGeometry> {
  if (!isSubspace(method))
    throw new PeftError('NOT_A_SUBSPACE', { found: `a method of type ${method.type}`, expected: 'a SUBSPACE' });
  const { vertices } = method.config;
  const gram = tf.tidy(() => {
    const flat = Array.from({ length: vertices }, (_, vertex) => {
      const own = [...selectVertex(effective, vertex)].filter(([name]) => !effective.has(name));
      return tf.concat(own.map(([, tensor]) => tensor.flatten()));
    });
    const points = tf.stack(flat) as tf.Tensor2D;
    return tf.matMul(points, points, false, true);
  });
  const values = Float64Array.from(await gram.data());
  gram.dispose();
  const at = (i: number, j: number) => values[i * vertices + j]!;
  const all = Array.from({ length: vertices }, (_, i) => i);
  const pairs = all.flatMap((i) => all.slice(i + 1).map((j) => [i, j] as const));
  const mean = (numbers: readonly number[]) =>
    numbers.length === 0 ? 0 : numbers.reduce((a, b) => a + b, 0) / numbers.length;
  return {
    meanSquaredCosine: mean(pairs.map(([i, j]) => at(i, j) ** 2 / (at(i, i) * at(j, j)))),
    rootMeanSquaredDistance: Math.sqrt(Math.max(0, mean(pairs.map(([i, j]) => at(i, i) + at(j, j) - 2 * at(i, j))))),
    midpointNorm: Math.sqrt(values.reduce((sum, value) => sum + value, 0)) / vertices,
    vertexNorm: mean(all.map((i) => Math.sqrt(at(i, i)))),
  };
}
