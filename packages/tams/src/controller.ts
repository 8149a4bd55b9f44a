import { type Stream } from '@tfjs-peft/peft-core';
import { uniforms } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { edgesOf, type TamsConfig } from './config.js';

/** Finds a parameter by the rest of its name. */
export type Find = (key: string) => tf.Tensor;

/** Scores of all operations of all edges for a task, `[edges, operations]`, from its embedding `[size]`. */
export function scoresOf({ nodes, operations }: TamsConfig, find: Find, task: tf.Tensor): tf.Tensor2D {
  const affine = (x: tf.Tensor, map: string) =>
    tf.matMul(x, find(`controller.${map}.weight`)).add(find(`controller.${map}.bias`));
  return affine(affine(task.expandDims(0), 'hidden').relu(), 'output').reshape([
    edgesOf(nodes).length,
    operations.length,
  ]);
}

/** Scores to probabilities; with noise, those of Gumbel-Softmax (Jang et al. 2017, arXiv 1611.01144) at a temperature. */
export function softChoice(
  scores: tf.Tensor2D,
  noise?: { readonly stream: Stream; readonly temperature: number },
): tf.Tensor2D {
  if (!noise) return tf.softmax(scores);
  // Never 0 or 1, where a logarithm has no value.
  const drawn = uniforms(noise.stream, scores.size).map(
    (u) => -Math.log(-Math.log(Math.min(Math.max(u, 1e-7), 1 - 1e-7))),
  );
  const noisy = scores.add(tf.tensor2d(drawn, scores.shape)).div<tf.Tensor2D>(noise.temperature);
  return tf.softmax(noisy);
}

/** One-hot rows in value, the identity in its gradient: the largest probability of each row is chosen (straight-through). */
export const straightThrough = (soft: tf.Tensor2D): tf.Tensor2D =>
  tf.customGrad((x) => ({
    value: tf.oneHot((x as tf.Tensor2D).argMax(1).toInt() as tf.Tensor1D, soft.shape[1]).toFloat(),
    gradFunc: (slope: tf.Tensor) => slope.clone(),
  }))(soft) as tf.Tensor2D;
