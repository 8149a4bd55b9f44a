import type { LowRankDelta } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { frozenAffine } from './frozen-affine.js';
import type { Pass } from './pass.js';

/** Kinds that act at an affine map. */
export const linearKinds = [
  'lowRankDelta',
  'weightDelta',
  'weightScale',
  'biasDelta',
  'inputGate',
  'outputGate',
  'activationDelta',
] as const;

/**
 * The affine map at `path` with everything that acts there, x `[batch, tokens, input]` to `[batch, tokens, output]`. An input gate changes x
 * for all that follows at this place; a weight scale also scales low-rank deltas, which are deltas of the weight.
 */
export function applyLinear(x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { at, has } = pass.interventions;
  const weights = pass.weights.affine(path);
  if (!has(path, ...linearKinds)) return frozenAffine(x, weights);
  const input = at('inputGate', path).reduce((gated, { gate }) => gated.mul(perToken(gate)), x);
  let y = has(path, 'weightScale') ? scaledProduct(input, path, pass) : product(input, path, pass);
  for (const { delta } of at('biasDelta', path)) y = y.add(perToken(delta));
  for (const { apply } of at('activationDelta', path)) y = y.add(apply(input));
  for (const { gate } of at('outputGate', path)) y = y.mul(perToken(gate));
  return y;
}

/** A vector `[size]` or `[batch, size]` so that it broadcasts over `[batch, tokens, size]`. */
export const perToken = (vector: tf.Tensor): tf.Tensor => (vector.rank === 2 ? vector.expandDims(1) : vector);

/** `x · (W + deltas) + b`, low-rank deltas applied as two thin products. */
function product(x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { at, has } = pass.interventions;
  const weights = pass.weights.affine(path);
  const y = has(path, 'weightDelta')
    ? matMulTokens(x, fullRankWeight(path, pass)).add(weights.bias)
    : frozenAffine(x, weights);
  return at('lowRankDelta', path).reduce((sum, delta) => sum.add(lowRankProduct(x, delta)), y);
}

/** `x · ((W + deltas) ⊙ scale) + b`. Scales by rows or by columns move to x or y; only a full scale needs the weight itself. */
function scaledProduct(x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { at, has } = pass.interventions;
  const weights = pass.weights.affine(path);
  const lowRank = at('lowRankDelta', path);
  const scales = at('weightScale', path).map(({ scale }) => asMatrix(scale));
  const full = scales.some(({ shape: [rows, columns] }) => rows !== 1 && columns !== 1);
  if (full) {
    const sum = lowRank.reduce<tf.Tensor>(
      (weight, { down, up, scale }) => weight.add(tf.matMul(down, up).mul(scale)),
      fullRankWeight(path, pass),
    );
    const effective = scales.reduce<tf.Tensor>((weight, scale) => weight.mul(scale), sum);
    return matMulTokens(x, effective).add(weights.bias);
  }
  const ofRows = scales.filter(({ shape }) => shape[1] === 1);
  const ofColumns = scales.filter(({ shape }) => shape[1] !== 1);
  const input = ofRows.reduce<tf.Tensor>((scaled, scale) => scaled.mul(scale.reshape([-1])), x);
  const sum = lowRank.reduce(
    (y, delta) => y.add(lowRankProduct(input, delta)),
    has(path, 'weightDelta') ? matMulTokens(input, fullRankWeight(path, pass)) : frozenAffine(input, weights, false),
  );
  return ofColumns.reduce((y, scale) => y.mul(scale.reshape([-1])), sum).add(weights.bias);
}

/** W and its dense deltas, `[input, output]`. */
const fullRankWeight = (path: string, { weights, interventions }: Pass): tf.Tensor =>
  interventions
    .at('weightDelta', path)
    .reduce<tf.Tensor>((sum, { delta }) => sum.add(delta), weights.affine(path).kernel);

export const lowRankProduct = (x: tf.Tensor, { down, up, scale }: LowRankDelta): tf.Tensor =>
  matMulTokens(matMulTokens(x, down), up).mul(scale);

/** x `[batch, tokens, input]` times a matrix `[input, output]` or one an example, `[batch, input, output]`. */
export function matMulTokens(x: tf.Tensor, matrix: tf.Tensor): tf.Tensor {
  if (matrix.rank === 3) return tf.matMul(x, matrix);
  const lead = x.shape.slice(0, -1);
  return tf.matMul(x.reshape([-1, x.shape.at(-1)!]), matrix).reshape([...lead, matrix.shape[1]!]);
}

const asMatrix = (scale: tf.Tensor): tf.Tensor => scale.reshape([scale.shape.at(-2) ?? 1, scale.shape.at(-1) ?? 1]);
