import type { DynamicLowRankDelta, LowRankDelta } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { fusedColumns, linearKinds, lowRankProduct, sparseOfAll } from './apply-linear.js';
import { type AffineWeights, frozenAffine } from '../kernels/frozen-affine.js';
import { fusedLowRank, type LowRankColumns } from '../kernels/low-rank.js';
import { overBatch } from '../kernels/over-batch.js';
import { sparseAffine } from '../kernels/sparse-affine.js';
import type { Pass } from './pass.js';
import { watchSlopes } from './watch-slopes.js';

/** Kinds that change single columns of an affine map's result. */
const ofColumns = [
  'lowRankDelta',
  'dynamicLowRankDelta',
  'sparseWeightDelta',
  'biasDelta',
  'slopeTap',
  'outputGate',
] as const;
const others = linearKinds.filter((kind) => !ofColumns.some((known) => known === kind));

/** True if all that acts on affine maps of one input can be computed at once on their results side by side. */
export const canChangeSideBySide = (paths: readonly string[], { interventions: { at, has }, context }: Pass): boolean =>
  paths.every(
    (path) =>
      !has(path, ...others) &&
      at('sparseWeightDelta', path).every(({ shares }) => !shares) &&
      at('dynamicLowRankDelta', path).every((delta) => fusedColumns(delta, 0)) &&
      at('lowRankDelta', path).every(
        ({ gate, middle, dropout = 0 }) =>
          gate === undefined && middle === undefined && !(dropout > 0 && context.mode === 'train'),
      ),
  );

/**
 * The affine maps of x at `paths`, whose weights stand side by side, with what acts on them, `[…, paths · size]`: fewer and larger operations
 * than one map after the other.
 */
export function applySideBySide(x: tf.Tensor, weights: AffineWeights, paths: readonly string[], pass: Pass): tf.Tensor {
  const sparse = paths.map((path) => sparseOfAll(path, pass));
  const y = sparse.some(({ length }) => length > 0) ? sparseAffine(x, weights, sparse) : frozenAffine(x, weights);
  return changeSideBySide(y, x, paths, pass);
}

/** What else acts there, applied to the results y `[…, paths · size]`. */
function changeSideBySide(y: tf.Tensor, x: tf.Tensor, paths: readonly string[], pass: Pass): tf.Tensor {
  const { at } = pass.interventions;
  const { perToken } = pass.layout;
  const size = y.shape.at(-1)! / paths.length;
  const batch = pass.attentionMask.shape[0];
  const deltas = paths.flatMap((path, place) =>
    [...at('lowRankDelta', path), ...at('dynamicLowRankDelta', path)].map((delta) => ({ delta, place })),
  );
  const sum = addLowRanks(y, x, deltas, { places: paths.length, size }, pass);
  const biases = joinVectors(
    paths.map((path) => at('biasDelta', path).map(({ delta }) => delta)),
    (a, b) => a.add(b),
    { neutral: 0, size, batch },
  );
  const gates = joinVectors(
    paths.map((path) => at('outputGate', path).map(({ gate }) => gate)),
    (a, b) => a.mul(b),
    { neutral: 1, size, batch },
  );
  const shifted = biases ? sum.add(perToken(biases)) : sum;
  const watched = watchSlopes(shifted, x, paths, pass);
  return gates ? watched.mul(perToken(gates)) : watched;
}

/** Deltas that are the same for all examples in one call where there is a kernel for it; all others joined and added. */
function addLowRanks(
  y: tf.Tensor,
  x: tf.Tensor,
  deltas: readonly Placed<LowRankDelta | DynamicLowRankDelta>[],
  { places, size }: { readonly places: number; readonly size: number },
  pass: Pass,
): tf.Tensor {
  const fused: LowRankColumns[] = [];
  const others: Placed<LowRankDelta>[] = [];
  for (const { delta, place } of deltas) {
    const columns = fusedColumns(delta, place * size);
    if (columns) fused.push(columns);
    else if (delta.kind === 'lowRankDelta') others.push({ delta, place });
  }
  const sum = fused.length > 0 ? fusedLowRank(x, y, fused) : y;
  return joinDeltas(others, places, size).reduce((total, joined) => total.add(lowRankProduct(x, joined, pass)), sum);
}

interface Placed<Delta> {
  readonly delta: Delta;
  /** Which of the maps it changes. */
  readonly place: number;
}

/** One delta of all maps, `x · [down …] · diag(up …)`, for each kind of factors: the same for all examples, or one an example. */
function joinDeltas(placed: readonly Placed<LowRankDelta>[], places: number, size: number): LowRankDelta[] {
  const ranks = new Set(placed.map(({ delta: { down, up } }) => `${down.rank}${up.rank}`));
  return [...ranks].map((key) => {
    const alike = placed.filter(({ delta: { down, up } }) => `${down.rank}${up.rank}` === key);
    const wide = alike.map(({ delta: { up, scale }, place }) => {
      const columns: [number, number] = [place * size, (places - 1 - place) * size];
      return up.mul(scale).pad([...up.shape.slice(1).map((): [number, number] => [0, 0]), columns]);
    });
    const down = tf.concat(
      alike.map(({ delta }) => delta.down),
      -1,
    );
    return { ...alike[0]!.delta, down, up: tf.concat(wide, -2), scale: 1 };
  });
}

interface Vectors {
  /** What stands for a map without a vector. */
  readonly neutral: number;
  readonly size: number;
  readonly batch: number;
}

/** The vectors of each map, combined and side by side: `[paths · size]`, or `[batch, paths · size]`; undefined if there is none. */
function joinVectors(
  byPath: readonly (readonly tf.Tensor[])[],
  combine: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  { neutral, size, batch }: Vectors,
): tf.Tensor | undefined {
  if (byPath.every((vectors) => vectors.length === 0)) return undefined;
  const combined = byPath.map((vectors) => (vectors.length > 0 ? vectors.reduce(combine) : tf.fill([size], neutral)));
  const each = combined.some(({ rank }) => rank === 2);
  return tf.concat(each ? combined.map((vector) => overBatch(vector, 1, batch)) : combined, -1);
}
