import { sizeOf } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/**
 * Convex combinations of one parameter's vertices, each `[...shape]`: coefficients `[rows, vertices]` give `[rows, ...shape]`, or
 * `[...shape]` for one row when `keepRows` is false. Differentiable in the vertices.
 */
export function mixVertices(vertices: readonly tf.Tensor[], coefficients: tf.Tensor2D, keepRows: boolean): tf.Tensor {
  const shape = vertices[0]!.shape;
  if (vertices.length === 1 && !keepRows) return vertices[0]!;
  const rows = coefficients.shape[0];
  const flat = tf.stack([...vertices]).reshape<tf.Tensor2D>([vertices.length, sizeOf(shape)]);
  return tf.matMul(coefficients, flat).reshape(keepRows ? [rows, ...shape] : shape);
}

/** The mean of one parameter's vertices; the very tensor if there is only one. */
export const meanOfVertices = (vertices: readonly tf.Tensor[]): tf.Tensor =>
  vertices.length === 1 ? vertices[0]! : tf.addN([...vertices]).div(vertices.length);
