import { type Context, type Parameters, substream } from '@tfjs-peft/peft-core';
import { type EffectiveSpec, getParameter, randomWords } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { squaredCosine } from './cosine-penalty.js';
import { pointFor } from './mix-point.js';
import type { Simplex } from './simplex.js';
import { vertexName } from './vertex-names.js';

/** The squared cosine between a random pair of vertices, times beta, plus the inner method's penalty at the point of the pass. */
export function penaliseVertices(simplex: Simplex, effective: Parameters, context: Context): tf.Scalar {
  const { inner, config, isHeadName, planOf } = simplex;
  const { vertices, beta, regularisation, regulariseHead } = config;
  const innerPenalty = inner.penalty?.(pointFor(simplex, effective, context), context);
  const { effective: specs, shared } = planOf(context.host);
  const names = specs.filter(({ name }) => !shared.has(name) && (regulariseHead || !isHeadName(name)));
  if (vertices === 1 || beta === 0 || regularisation === 'off' || names.length === 0)
    return innerPenalty ?? tf.scalar(0);
  const [first, second] = randomPair(context, vertices);
  const groups = regularisation === 'flat' ? [names] : groupBySite(names);
  const cosines = groups.map((group) =>
    squaredCosine(
      group.map(({ name }) => getParameter(effective, vertexName(name, first))),
      group.map(({ name }) => getParameter(effective, vertexName(name, second))),
    ),
  );
  const penalty = tf.addN(cosines).mul(beta / cosines.length);
  return (innerPenalty ? penalty.add(innerPenalty) : penalty) as tf.Scalar;
}

function randomPair({ streams }: Context, vertices: number): [number, number] {
  const [a, b] = randomWords(substream(streams.draws, 'pair'), 2);
  const first = Math.floor((a! / 0x100000000) * vertices);
  const second = (first + 1 + Math.floor((b! / 0x100000000) * (vertices - 1))) % vertices;
  return [first, second];
}

const groupBySite = (specs: readonly EffectiveSpec[]): EffectiveSpec[][] =>
  [...new Set(specs.map(placeOf))].map((place) => specs.filter((spec) => placeOf(spec) === place));

/** Where a parameter acts; one without a site stands for itself. */
const placeOf = ({ site, name }: EffectiveSpec): string => site ?? name;
