import type { Context, Parameters } from '@tfjs-peft/peft-core';
import type { EffectiveSpec } from '@tfjs-peft/peft-core/authoring';
import type { Intervention, Interventions, SparseWeightDelta, WeightDelta } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import { drawOnce } from './draw-once.js';
import { midpoint, mixPoint } from './mix-point.js';
import { meanOfVertices } from './mix-vertices.js';
import { type Simplex, verticesOf } from './simplex.js';

/** What the inner method does at the point of a pass. */
export function interveneAtPoint(simplex: Simplex, effective: Parameters, context: Context): Interventions {
  const { inner, config, indices } = simplex;
  if (context.mode === 'evaluate') return inner.intervene(midpoint(simplex, effective, context.host), context);
  const draw = drawOnce(config, context);
  const byOutputs = mixedByOutputs(simplex, context);
  const point = mixPoint(simplex, effective, context, draw, byOutputs);
  if (byOutputs.length === 0) return inner.intervene(point, context);
  // Dense deltas: every vertex acts, on each example with its share. The map is affine in them, so that outputs mix as weights would.
  const ofVertex = indices.map((vertex) =>
    inner.intervene(
      new Map([
        ...point,
        ...byOutputs.map(({ name }) => [name, verticesOf(simplex, effective, name)[vertex]!] as const),
      ]),
      context,
    ),
  );
  const specAt = new Map(byOutputs.map((spec) => [spec.site!, spec]));
  const deltas = ofVertex.map((items) => items.filter((item) => isOutputDelta(item, specAt)));
  const sharesAt = (path: string): tf.Tensor2D => draw(specAt.get(path)!, true).coefficients;
  return [
    ...ofVertex[0]!.filter((item) => !isOutputDelta(item, specAt)),
    ...deltas[0]!.flatMap((_, place) =>
      mixOutputs(
        deltas.map((items) => items[place]!),
        sharesAt,
      ),
    ),
  ];
}

/** One delta of every vertex, mixed by what they put out: example b gets `Σ coefficients[b, vertex] · output of the vertex`. */
function mixOutputs(deltas: readonly OutputDelta[], sharesAt: (path: string) => tf.Tensor2D): OutputDelta[] {
  const coefficients = sharesAt(deltas[0]!.path);
  const column = (vertex: number) => coefficients.slice([0, vertex], [-1, 1]).reshape([-1]) as tf.Tensor1D;
  if (deltas.every(isPlainSparse)) return mixSparse(deltas, column);
  return deltas.map((item, vertex) => {
    const share = column(vertex);
    return { ...item, shares: item.shares ? item.shares.mul<tf.Tensor1D>(share) : share };
  });
}

/**
 * Vertices that choose the same entries: the midpoint for all examples, which costs no more than one point, and for each example what it differs by.
 * The shares of an example sum to one, so that `Σ s_v S_v = S̄ + Σ_{v>0} (s_v - 1/m) (S_v - S_0)`.
 */
function mixSparse(deltas: readonly SparseWeightDelta[], column: (vertex: number) => tf.Tensor1D): SparseWeightDelta[] {
  const first = deltas[0]!;
  return [
    { ...first, values: meanOfVertices(deltas.map(({ values }) => values)) },
    ...deltas.slice(1).map((delta, index) => ({
      ...delta,
      values: delta.values.sub(first.values),
      shares: column(index + 1).sub<tf.Tensor1D>(1 / deltas.length),
    })),
  ];
}

const isPlainSparse = (item: OutputDelta): item is SparseWeightDelta =>
  item.kind === 'sparseWeightDelta' && item.shares === undefined;

/** The parameters whose vertices are mixed by what they put out, not as numbers. */
function mixedByOutputs({ config, planOf }: Simplex, { host }: Context): readonly EffectiveSpec[] {
  const mixesOutputs = config.vertices > 1 && config.granularity.startsWith('example');
  const { effective, shared } = planOf(host);
  return effective.filter(({ name, perExample }) => mixesOutputs && perExample === 'outputs' && !shared.has(name));
}

/** What examples can share out: a dense or a sparse delta of a weight. */
type OutputDelta = WeightDelta | SparseWeightDelta;

const isOutputDelta = (item: Intervention, specAt: ReadonlyMap<string, EffectiveSpec>): item is OutputDelta =>
  (item.kind === 'weightDelta' || item.kind === 'sparseWeightDelta') && specAt.has(item.path);
