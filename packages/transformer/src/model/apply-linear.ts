import { PeftError } from '@tfjs-peft/peft-core';
import { timesMatrix } from '@tfjs-peft/peft-core/authoring';
import {
  type ActivationDelta,
  type DynamicLowRankDelta,
  dynamicLowRankProduct,
  type DynamicWeightDelta,
  type HiddenDelta,
  kindsAt,
  type LowRankDelta,
  type SparseWeightDelta,
  type SublayerAdapter,
} from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { biasOrZeros, frozenAffine } from '../kernels/frozen-affine.js';
import { columnNorms } from '../kernels/column-norms.js';
import { fusedLowRank, hasFusedLowRank, type LowRankColumns } from '../kernels/low-rank.js';
import { scatterValues, sparseAffine, sparseProduct } from '../kernels/sparse-affine.js';
import { dropOut, type Pass } from './pass.js';
import { watchSlopes } from './watch-slopes.js';

/** Kinds that act at an affine map. */
export const linearKinds = kindsAt('linear');

/**
 * The affine map at `path` with everything that acts there, on states in the pass' layout. An input gate changes x for all that follows at
 * this place; weight scales and magnitudes also scale low-rank deltas, which are deltas of the weight.
 */
export function applyLinear(x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { perToken } = pass.layout;
  const { at, has } = pass.interventions;
  const weights = pass.weights.affine(path);
  if (!has(path, ...linearKinds)) return frozenAffine(x, weights);
  showTaps('input', x, path, pass);
  const input = at('inputGate', path).reduce((gated, { gate }) => gated.mul(perToken(gate)), x);
  const scaled = has(path, 'weightScale', 'weightMagnitude');
  let y = scaled ? scaledProduct(input, path, pass) : product(input, path, pass);
  for (const { delta } of at('biasDelta', path)) y = y.add(perToken(delta));
  for (const { bias } of at('weightFunction', path)) if (bias) y = y.add(bias(biasOrZeros(weights), weights.kernel));
  for (const delta of at('dynamicLowRankDelta', path)) y = addLowRank(y, input, delta, pass);
  for (const activation of at('activationDelta', path)) y = y.add(applyActivation(activation, input, pass));
  for (const delta of at('dynamicWeightDelta', path)) y = y.add(applyDynamicDelta(delta, input, path, pass));
  y = watchSlopes(y, input, [path], pass);
  for (const { gate } of at('outputGate', path)) y = y.mul(perToken(gate));
  showTaps('output', y, path, pass);
  return y;
}

/** Whether what acts on the map at `path` is the same for all examples and tokens, so that one state may stand for many. */
export const actsAlike = (path: string, { interventions: { at, has } }: Pass): boolean =>
  !has(path, 'dynamicLowRankDelta', 'activationDelta', 'dynamicWeightDelta', 'weightMagnitude') &&
  at('lowRankDelta', path).every(
    ({ gate, down, middle, up }) => !gate && down.rank === 2 && (middle?.rank ?? 1) === 1 && up.rank === 2,
  ) &&
  [...at('weightDelta', path), ...at('sparseWeightDelta', path)].every(({ shares }) => !shares) &&
  at('biasDelta', path).every(({ delta }) => delta.rank === 1) &&
  [...at('inputGate', path), ...at('outputGate', path)].every(({ gate }) => gate.rank === 1);

/** Shows the states at one end of a place to those who look there. */
export function showTaps(at: 'input' | 'output', states: tf.Tensor, path: string, pass: Pass): void {
  for (const tap of pass.interventions.at('tap', path))
    if (tap.at === at) tap.observe(pass.layout.unpack(states), pass.attentionMask);
}

/** A function that does not say that it treats every token for itself sees the padded batch. */
export const applyActivation = (
  { apply, perToken }: ActivationDelta | HiddenDelta | SublayerAdapter,
  x: tf.Tensor,
  pass: Pass,
): tf.Tensor =>
  perToken ? apply(x, pass.attentionMask) : onExamples(x, pass, (padded) => apply(padded, pass.attentionMask));

function applyDynamicDelta({ apply, perToken }: DynamicWeightDelta, x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { kernel } = pass.weights.affine(path);
  const delta = (states: tf.Tensor) => apply(states, kernel, pass.attentionMask);
  return perToken ? delta(x) : onExamples(x, pass, delta);
}

/** What needs to see which tokens belong together: from states to states by a function of `[batch, tokens, size]`. */
const onExamples = (x: tf.Tensor, { layout }: Pass, compute: (padded: tf.Tensor) => tf.Tensor): tf.Tensor =>
  layout.pack(compute(layout.unpack(x)));

/** `x · (W + deltas) + b`, low-rank deltas applied as two thin products. */
function product(x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  return addDeltas(frozenOrChanged(x, path, true, pass), x, path, pass);
}

/** `x · (W + dense and sparse deltas of all examples)`, plus the bias if wanted. */
function frozenOrChanged(x: tf.Tensor, path: string, withBias: boolean, pass: Pass): tf.Tensor {
  const weights = pass.weights.affine(path);
  const sparse = sparseOfAll(path, pass);
  if (!changesWeight(path, pass))
    return sparse.length > 0 ? sparseAffine(x, weights, [sparse], withBias) : frozenAffine(x, weights, withBias);
  const y = timesMatrix(x, addSparse(fullRankWeight(path, pass), path, pass));
  return withBias && weights.bias ? y.add(weights.bias) : y;
}

/** Sparse deltas that are the same for all examples. */
export const sparseOfAll = (path: string, { interventions }: Pass): readonly SparseWeightDelta[] =>
  interventions.at('sparseWeightDelta', path).filter(({ shares }) => !shares);

/** Adds what is not part of one weight for all examples: low-rank deltas, and dense and sparse ones that examples share out. */
function addDeltas(y: tf.Tensor, x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { at } = pass.interventions;
  const dense = at('weightDelta', path).reduce(
    (sum, { delta, shares }) => (shares ? sum.add(shareOut(timesMatrix(x, delta), shares, pass)) : sum),
    y,
  );
  const { shape } = pass.weights.affine(path);
  const shared = at('sparseWeightDelta', path).reduce(
    (sum, { shares, ...entries }) => (shares ? sum.add(shareOut(sparseProduct(x, entries, shape), shares, pass)) : sum),
    dense,
  );
  return at('lowRankDelta', path).reduce((sum, delta, index) => {
    const dropped = dropOut(x, delta.dropout ?? 0, `${path}.lowRankDelta.${index}`, pass);
    return addLowRank(sum, dropped, delta, pass, x);
  }, shared);
}

/** `y` plus the delta of `x`; a gate sees `input`. */
function addLowRank(
  y: tf.Tensor,
  x: tf.Tensor,
  delta: LowRankDelta | DynamicLowRankDelta,
  pass: Pass,
  input = x,
): tf.Tensor {
  const columns = fusedColumns(delta, 0);
  if (columns) return fusedLowRank(x, y, [columns]);
  const product =
    delta.kind === 'lowRankDelta'
      ? lowRankProduct(x, delta, pass)
      : onExamples(x, pass, (states) => dynamicLowRankProduct(states, delta));
  if (!delta.gate) return y.add(product);
  return y.add(shareOut(product, delta.gate(pass.layout.unpack(input), pass.attentionMask), pass));
}

/** A delta from `column` on as one kernel adds it, but for its dropout; undefined where there is none for it. */
export function fusedColumns(delta: LowRankDelta | DynamicLowRankDelta, column: number): LowRankColumns | undefined {
  const { down, up, gate } = delta;
  const isDynamic = delta.kind === 'dynamicLowRankDelta';
  const fits =
    !gate && down.rank === 2 && up.rank === 2 && (isDynamic ? delta.core.rank === 2 : delta.middle === undefined);
  if (!fits || !hasFusedLowRank()) return undefined;
  return isDynamic ? { down, core: delta.core, up, scale: 1, column } : { down, up, scale: delta.scale, column };
}

/** Each example's values times its number in `shares` `[batch]`. */
export const shareOut = (values: tf.Tensor, shares: tf.Tensor1D, { layout }: Pass): tf.Tensor =>
  values.mul(layout.perToken(shares.expandDims(1)));

/** `x · ((W + deltas) ⊙ scale) + b`. Scales by rows or by columns move to x or y; only a full scale needs the weight itself. */
function scaledProduct(x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { perToken } = pass.layout;
  const { at } = pass.interventions;
  const weights = pass.weights.affine(path);
  const lowRank = at('lowRankDelta', path);
  const magnitudes = at('weightMagnitude', path).map(({ delta }) => magnitudeScale(delta, path, pass));
  const scales = at('weightScale', path).map(({ scale }) => asMatrix(scale));
  const full = scales.some(({ shape: [rows, columns] }) => rows !== 1 && columns !== 1);
  if (full) {
    requireOneWeight(path, pass);
    const sum = lowRank.reduce<tf.Tensor>(
      (weight, { down, middle, up, scale }) => weight.add(tf.matMul(middle ? down.mul(middle) : down, up).mul(scale)),
      addSparse(fullRankWeight(path, pass), path, pass),
    );
    const effective = scales.reduce<tf.Tensor>((weight, scale) => weight.mul(scale), sum);
    const y = magnitudes.reduce((scaled, scale) => scaled.mul(perToken(scale)), timesMatrix(x, effective));
    return weights.bias ? y.add(weights.bias) : y;
  }
  const ofRows = scales.filter(({ shape }) => shape[1] === 1);
  const ofColumns = scales.filter(({ shape }) => shape[1] !== 1);
  const input = ofRows.reduce<tf.Tensor>((scaled, scale) => scaled.mul(scale.reshape([-1])), x);
  const sum = addDeltas(frozenOrChanged(input, path, false, pass), input, path, pass);
  const scaled = magnitudes.reduce((y, scale) => y.mul(perToken(scale)), sum);
  const columns = ofColumns.reduce((y, scale) => y.mul(scale.reshape([-1])), scaled);
  return weights.bias ? columns.add(weights.bias) : columns;
}

/** A scale of single entries needs one weight for the batch. Errors: `INTERVENTIONS_CONFLICT`. */
function requireOneWeight(path: string, { interventions, context }: Pass): void {
  const varying = [
    ...interventions.at('lowRankDelta', path).filter(({ gate, down, middle, up, dropout = 0 }) => {
      const drops = dropout > 0 && context.mode === 'train';
      return gate !== undefined || down.rank === 3 || middle?.rank === 2 || up.rank === 3 || drops;
    }),
    ...interventions.at('weightDelta', path).filter(({ shares }) => shares !== undefined),
    ...interventions.at('sparseWeightDelta', path).filter(({ shares }) => shares !== undefined),
  ];
  if (varying.length === 0) return;
  throw new PeftError('INTERVENTIONS_CONFLICT', {
    found: `at "${path}" a weight scale of single entries and a ${varying[0]!.kind} that differs between examples or drops out`,
    expected: 'one weight for the whole batch',
    fix: 'scale rows or columns only, or draw once a batch (granularity "batch")',
  });
}

/**
 * `(‖W_j‖ + delta_j) / ‖W'_j‖` for each column j of the weight W' after its deltas, `[output]` or `[batch, output]`. Errors: `INTERVENTIONS_CONFLICT` for
 * dense or sparse deltas that differ between examples, whose norms are not known without forming a weight for each.
 */
function magnitudeScale(delta: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { at } = pass.interventions;
  const shared = [...at('weightDelta', path), ...at('sparseWeightDelta', path)].find(({ shares }) => shares);
  if (shared)
    throw new PeftError('INTERVENTIONS_CONFLICT', {
      found: `at "${path}" magnitudes of columns and a ${shared.kind} that differs between examples`,
      expected: 'one delta for the whole batch',
      fix: 'draw once a batch (granularity "batch"), or leave magnitudes out (dora: false)',
    });
  const { kernel } = pass.weights.affine(path);
  const before = columnNorms(kernel, []);
  const changed = addSparse(fullRankWeight(path, pass), path, pass) as tf.Tensor2D;
  const after = columnNorms(changed, pass.interventions.at('lowRankDelta', path).map(withoutMiddle));
  return before.add(delta).div(after);
}

/** Whether there is a dense delta that is the same for all examples. */
const changesWeight = (path: string, { interventions: { at, has } }: Pass): boolean =>
  has(path, 'weightFunction') || at('weightDelta', path).some(({ shares }) => !shares);

/** W and those of its dense deltas that are the same for all examples, `[input, output]`. */
function fullRankWeight(path: string, { weights, interventions: { at } }: Pass): tf.Tensor {
  const { kernel } = weights.affine(path);
  const deltas = [
    ...at('weightDelta', path).flatMap(({ delta, shares }) => (shares ? [] : [delta])),
    ...at('weightFunction', path).map(({ weight }) => weight(kernel)),
  ];
  return deltas.reduce<tf.Tensor>((sum, delta) => sum.add(delta), kernel);
}

/** The same delta with its diagonal in the first factor. */
const withoutMiddle = ({ middle, ...delta }: LowRankDelta): LowRankDelta =>
  middle ? { ...delta, down: delta.down.mul(middle.expandDims(-2)) } : delta;

/** A weight with its sparse deltas that are the same for all examples. */
const addSparse = (weight: tf.Tensor, path: string, pass: Pass): tf.Tensor =>
  sparseOfAll(path, pass).reduce(
    (sum, { indices, values }) => sum.add(scatterValues(indices, values, weight.shape)),
    weight,
  );

/** x · down ⊙ middle · up · scale for states in the pass' layout. */
export function lowRankProduct(x: tf.Tensor, { down, middle, up, scale }: LowRankDelta, pass: Pass): tf.Tensor {
  const inner = (states: tf.Tensor) => {
    const narrow = timesMatrix(states, down);
    if (!middle) return narrow;
    return narrow.mul(middle.rank === 2 ? middle.expandDims(1) : middle);
  };
  const product = (states: tf.Tensor) => timesMatrix(inner(states), scale === 1 ? up : up.mul(scale));
  return down.rank === 3 || middle?.rank === 2 || up.rank === 3 ? onExamples(x, pass, product) : product(x);
}

const asMatrix = (scale: tf.Tensor): tf.Tensor => scale.reshape([scale.shape.at(-2) ?? 1, scale.shape.at(-1) ?? 1]);
