import type { Context, Parameters } from '@tfjs-peft/peft-core';
import type { EffectiveSpec } from '@tfjs-peft/peft-core/authoring';
import type { Intervention, Interventions, SparseWeightDelta, WeightDelta } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import { drawOnce } from './draw-once.js';
import { midpoint, mixPoint } from './mix-point.js';
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
  return [
    ...ofVertex[0]!.filter((item) => !isOutputDelta(item, specAt)),
    ...ofVertex.flatMap((items, vertex) =>
      items
        .filter((item) => isOutputDelta(item, specAt))
        .map((item): OutputDelta => {
          const { coefficients } = draw(specAt.get(item.path)!, true);
          const column = coefficients.slice([0, vertex], [-1, 1]).reshape([-1]) as tf.Tensor1D;
          return { ...item, shares: item.shares ? item.shares.mul<tf.Tensor1D>(column) : column };
        }),
    ),
  ];
}

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
