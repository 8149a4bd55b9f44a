import { type Stream, substream } from '@tfjs-peft/peft-core';
import { randomWords } from '@tfjs-peft/peft-core/authoring';
import { type Distribution, parseDistribution } from './parse-distribution.js';

/**
 * Convex coefficients `[rows, vertices]`, row-major: non-negative, each row sums to 1. `flat` takes unit exponentials over their sum,
 * which is uniform on the simplex; `dirichlet:<c>` gamma variates; `corner` one-hot rows. Exactly 1 for one vertex.
 * Errors: `CONFIG_INVALID` for another distribution.
 */
export function drawCoefficients(stream: Stream, rows: number, vertices: number, distribution: string): Float32Array {
  const parsed = parseDistribution(distribution);
  const coefficients = new Float32Array(rows * vertices);
  if (vertices === 1) return coefficients.fill(1);
  if (parsed.law === 'corner') {
    const words = randomWords(stream, rows);
    words.forEach((word, row) => (coefficients[row * vertices + Math.floor((word / 0x100000000) * vertices)] = 1));
    return coefficients;
  }
  const weights = positiveWeights(stream, rows, vertices, parsed);
  for (let start = 0; start < weights.length; start += vertices) {
    const row = weights.subarray(start, start + vertices);
    const total = row.reduce((sum, weight) => sum + weight, 0);
    row.forEach((weight, vertex) => (coefficients[start + vertex] = total > 0 ? weight / total : 1 / vertices));
  }
  return coefficients;
}

function positiveWeights(stream: Stream, rows: number, vertices: number, distribution: Distribution): Float64Array {
  const count = rows * vertices;
  if (distribution.law !== 'dirichlet')
    return Float64Array.from(randomWords(stream, count), (word) => -Math.log((word + 1) / 0x100000000));
  const { concentration } = distribution;
  const next = uniformSource(stream);
  const weights = Float64Array.from({ length: count }, () => logGammaVariate(concentration, next));
  for (let start = 0; start < count; start += vertices) {
    const row = weights.subarray(start, start + vertices);
    // Of small concentrations all variates of a row may lie below the smallest number: the largest becomes 1.
    const largest = Math.max(...row);
    row.forEach((logarithm, vertex) => (row[vertex] = Math.exp(logarithm - largest)));
  }
  return weights;
}

/** Endless uniforms in (0, 1], for samplers that reject. */
function uniformSource(stream: Stream): () => number {
  const size = 1024;
  let chunk = 0;
  let index = size;
  let words: Uint32Array = new Uint32Array(0);
  return () => {
    if (index === size) {
      words = randomWords(substream(stream, chunk++), size);
      index = 0;
    }
    return (words[index++]! + 1) / 0x100000000;
  };
}

/** The logarithm of Gamma(shape, 1) by Marsaglia and Tsang (2000); shapes below 1 by the boost U^(1/shape). */
function logGammaVariate(shape: number, next: () => number): number {
  if (shape < 1) return logGammaVariate(shape + 1, next) + Math.log(next()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
    const v = (1 + c * normal) ** 3;
    if (v > 0 && Math.log(next()) < 0.5 * normal * normal + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
