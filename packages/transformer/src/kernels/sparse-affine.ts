import { sizeOf } from '@tfjs-peft/peft-core/authoring';
import { scatterFlat } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { rowsAndColumns } from './flat-places.js';
import { type AffineWeights, timesTransposed } from './frozen-affine.js';
import { hasFusedKernels, nativeSparseAffine, nativeSparseGradient, notGiven } from './native-kernels.js';

/** Values `[k]` at flat indices `[k]` (int32) of a matrix `[input, output]`. */
export interface SparseEntries {
  readonly indices: tf.Tensor;
  readonly values: tf.Tensor;
}

/**
 * `y = x · (kernel + S) + bias` for a sparse S; x `[…, input]`, result `[…, output]`. `maps` are the entries of affine maps of one input whose
 * kernels stand side by side in `weights`, all of one width; one list for one map. Differentiable in x and in the values alone.
 *
 * The gradient of a value takes one product a token, `dv[j] = Σ x[…, row j] · dy[…, column j]`: no dense gradient of a weight is ever formed.
 */
export function sparseAffine(
  x: tf.Tensor,
  weights: AffineWeights,
  maps: readonly (readonly SparseEntries[])[],
  withBias = true,
): tf.Tensor {
  const lists = maps.flat();
  const values = lists.length === 1 ? lists[0]!.values : tf.concat(lists.map((entries) => entries.values));
  const places = hasFusedKernels() ? placesByMap(maps) : [placesSideBySide(maps, weights.shape[1])];
  const { value, slopeOfStates, slopeOfValues } = hasFusedKernels() ? native : portable;
  const bias = withBias ? weights.bias : undefined;
  return tf.customGrad((states, numbers, save) => {
    const [input, entries] = [states as tf.Tensor, numbers as tf.Tensor];
    // What the forward pass made is gone by the time of the backward one, indices that the method computed among it.
    (save as tf.GradSaveFunc)([input, entries, ...places]);
    const gradFunc = (dy: tf.Tensor, [saved, kept, ...at]: tf.Tensor[]) => [
      tf.tidy(() => slopeOfStates(dy, weights, kept!, at)),
      tf.tidy(() => slopeOfValues(saved!, dy, at)),
    ];
    return { value: tf.tidy(() => value(input, weights, bias, entries, places)), gradFunc };
  })(x, values);
}

/** How both directions are computed. `places` are those of one matrix, or those of maps side by side, then their ends. */
interface Computation {
  value(
    x: tf.Tensor,
    weights: AffineWeights,
    bias: tf.Tensor1D | undefined,
    values: tf.Tensor,
    places: readonly tf.Tensor[],
  ): tf.Tensor;
  slopeOfStates(dy: tf.Tensor, weights: AffineWeights, values: tf.Tensor, places: readonly tf.Tensor[]): tf.Tensor;
  slopeOfValues(x: tf.Tensor, dy: tf.Tensor, places: readonly tf.Tensor[]): tf.Tensor;
}

/** The kernels put k values into the packed copy of a matrix for the time of a product. */
const native: Computation = {
  value: (x, weights, bias, values, [indices, ends]) => {
    const entries = { indices: indices!, values, ends: ends! };
    return nativeSparseAffine(x, weights.operands('forward'), bias ?? notGiven(), entries);
  },
  slopeOfStates: (dy, weights, values, [indices, ends]) => {
    const entries = { indices: indices!, values, ends: ends! };
    return nativeSparseAffine(dy, weights.operands('backward'), notGiven(), entries, true);
  },
  slopeOfValues: (x, dy, [indices, ends]) => nativeSparseGradient(x, dy, indices!, ends!),
};

const portable: Computation = {
  value(x, { kernel }, bias, values, [indices]) {
    const patched = patch(kernel, indices!, values);
    const y = tf.fused.matMul({ a: asRows(x), b: patched, ...(bias && { bias }) });
    return y.reshape([...x.shape.slice(0, -1), kernel.shape[1]]);
  },
  slopeOfStates: (dy, { kernel }, values, [indices]) =>
    timesTransposed(asRows(dy), patch(kernel, indices!, values)).reshape([...dy.shape.slice(0, -1), kernel.shape[0]]),
  slopeOfValues: (x, dy, [indices]) => columnProducts(asRows(x), asRows(dy), indices as tf.Tensor1D),
};

const patch = (kernel: tf.Tensor2D, indices: tf.Tensor, values: tf.Tensor): tf.Tensor2D =>
  kernel.add(scatterFlat(indices, values, kernel.shape));

const asRows = (x: tf.Tensor): tf.Tensor2D => x.reshape([-1, x.shape.at(-1)!]);

/** Numbers that may be gathered at a time: what many entries of many tokens cost in memory is bounded by it. */
const GATHERED = 1 << 22;

/** `Σ_t x[t, row j] · dy[t, column j]` for each flat index j of `[input, output]`; x `[rows, input]`, dy `[rows, output]`, result `[k]`. */
export function columnProducts(x: tf.Tensor2D, dy: tf.Tensor2D, indices: tf.Tensor1D): tf.Tensor1D {
  const step = Math.max(1, Math.floor(GATHERED / Math.max(1, x.shape[0])));
  const parts: tf.Tensor1D[] = [];
  for (let start = 0; start < indices.size; start += step)
    parts.push(
      tf.tidy(() => {
        const part = indices.slice(start, Math.min(step, indices.size - start));
        const { rows, columns } = rowsAndColumns(part, dy.shape[1]);
        return tf
          .gather(x, rows, 1)
          .mul(tf.gather(dy, columns, 1))
          .sum<tf.Tensor1D>(0);
      }),
    );
  return parts.length === 1 ? parts[0]! : tf.concat(parts);
}

/** Indices of each map in its own matrix, one list after the other, and where each list ends. */
function placesByMap(maps: readonly (readonly SparseEntries[])[]): tf.Tensor[] {
  const lists = maps.flat().map(({ indices }) => indices);
  const sizes = maps.map((map) => map.reduce((sum, { indices }) => sum + indices.size, 0));
  const ends = sizes.map((_, index) => sizes.slice(0, index + 1).reduce((sum, size) => sum + size, 0));
  return [lists.length === 1 ? lists[0]! : tf.concat(lists), tf.tensor1d(ends, 'int32')];
}

/** The same as indices of the matrix `[input, outputs]` in which the maps stand side by side. */
function placesSideBySide(maps: readonly (readonly SparseEntries[])[], outputs: number): tf.Tensor {
  const whole = tf.scalar(outputs, 'int32');
  const lists = maps.flatMap((map, place) =>
    map.map(({ indices }) => {
      if (maps.length === 1) return indices;
      const start = tf.scalar((place * outputs) / maps.length, 'int32');
      const { rows, columns } = rowsAndColumns(indices, outputs / maps.length);
      return rows.mul(whole).add(columns).add(start);
    }),
  );
  return lists.length === 1 ? lists[0]! : tf.concat(lists);
}

/**
 * `x · S` for a sparse matrix S; x `[…, input]`, result `[…, output]`. Differentiable in x and in the values, whose gradient is that of
 * {@link sparseAffine}.
 */
export function sparseProduct(
  x: tf.Tensor,
  { indices, values }: SparseEntries,
  [inputs, outputs]: readonly [number, number],
): tf.Tensor {
  return tf.customGrad((states, numbers, save) => {
    const [input, entries] = [states as tf.Tensor, numbers as tf.Tensor];
    (save as tf.GradSaveFunc)([input, entries, indices]);
    const matrix = (places: tf.Tensor, kept: tf.Tensor) => scatterFlat(places, kept, [inputs, outputs]) as tf.Tensor2D;
    const value = tf.tidy(() => tf.matMul(asRows(input), matrix(indices, entries)));
    const gradFunc = (dy: tf.Tensor, [saved, kept, places]: tf.Tensor[]) => [
      tf.tidy(() => timesTransposed(asRows(dy), matrix(places!, kept!)).reshape(saved!.shape)),
      tf.tidy(() => slopeOfEntries(saved!, dy, places as tf.Tensor1D)),
    ];
    return { value: value.reshape([...input.shape.slice(0, -1), outputs]), gradFunc };
  })(x, values);
}

const slopeOfEntries = (x: tf.Tensor, dy: tf.Tensor, places: tf.Tensor1D): tf.Tensor =>
  hasFusedKernels()
    ? nativeSparseGradient(x, dy, places, tf.tensor1d([places.size], 'int32'))
    : columnProducts(asRows(x), asRows(dy), places);

/** Values at flat indices of zeros of a shape, differentiable in the values. */
export const scatterValues = (indices: tf.Tensor, values: tf.Tensor, shape: readonly number[]): tf.Tensor =>
  tf.customGrad((numbers, save) => {
    (save as tf.GradSaveFunc)([indices]);
    return {
      value: scatterFlat(indices, numbers as tf.Tensor, shape),
      gradFunc: (dy: tf.Tensor, [places]: tf.Tensor[]) => tf.gather(dy.reshape([sizeOf(shape)]), places as tf.Tensor1D),
    };
  })(values);
