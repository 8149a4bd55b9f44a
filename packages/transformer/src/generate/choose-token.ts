import { PeftError, type Stream } from '@tfjs-peft/peft-core';
import { uniforms } from '@tfjs-peft/peft-core/authoring';
import type { GenerationSettings } from './settings.js';

/** Tokens that would make a group of `size` tokens stand twice in a text. */
export function repeatedTokens(text: readonly number[], size: number): Set<number> {
  const banned = new Set<number>();
  if (size === 0 || text.length + 1 < size) return banned;
  const end = text.slice(text.length - size + 1);
  for (let start = 0; start + size <= text.length; start++)
    if (end.every((token, place) => text[start + place] === token)) banned.add(text[start + size - 1]!);
  return banned;
}

/** Scores `[vocabulary]`, checked. Errors: `NO_TOKEN_TO_CHOOSE` where none is above minus infinity. */
export function requireChoice(scores: Float64Array): Float64Array {
  if (scores.some((score) => score > -Infinity)) return scores;
  throw scores.some(Number.isNaN) ? scoresAreNoNumbers() : noTokenMayFollow();
}

export const scoresAreNoNumbers = (): PeftError =>
  new PeftError('NO_TOKEN_TO_CHOOSE', {
    found: 'scores of the next token that are no numbers',
    expected: 'finite scores',
    fix: 'look at the adapter: its training may have diverged, or its numbers be beyond float16',
  });

export const noTokenMayFollow = (): PeftError =>
  new PeftError('NO_TOKEN_TO_CHOOSE', {
    found: 'no token that may follow: all would repeat what stands there',
    expected: 'at least one that noRepeatNgram allows',
    fix: 'set a larger noRepeatNgram, or fewer maxNewTokens',
  });

/** Scores with those of some tokens at minus infinity. */
export function without(scores: Float32Array | Float64Array, banned: ReadonlySet<number>): Float64Array {
  const kept = Float64Array.from(scores);
  for (const token of banned) kept[token] = -Infinity;
  return kept;
}

/** The first of the highest scores. */
export function likeliest(scores: Float64Array): number {
  let best = 0;
  for (let token = 1; token < scores.length; token++) if (scores[token]! > scores[best]!) best = token;
  return best;
}

/** Logarithms of probabilities. */
export function logProbabilities(logits: Float32Array | Float64Array): Float64Array {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - largest);
  const shift = largest + Math.log(total);
  return Float64Array.from(logits, (logit) => logit - shift);
}

/**
 * A random token of the distribution that temperature, then the number, then the common probability of the likeliest tokens leave, in the order of
 * HF transformers. One number of the stream decides.
 */
export function sampleToken(
  scores: Float64Array,
  { temperature, topK, topP }: Pick<GenerationSettings, 'temperature' | 'topK' | 'topP'>,
  stream: Stream,
): number {
  const order = [...scores.keys()].filter((token) => scores[token]! > -Infinity);
  order.sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept = topK === null ? order : order.slice(0, topK);
  const largest = scores[kept[0]!]!;
  const weights = kept.map((token) => Math.exp((scores[token]! - largest) / temperature));
  const nucleus = nucleusOf(weights, topP);
  const total = weights.slice(0, nucleus).reduce((sum, weight) => sum + weight, 0);
  const [draw] = uniforms(stream, 1);
  let left = draw! * total;
  for (let place = 0; place < nucleus; place++) {
    left -= weights[place]!;
    if (left < 0) return kept[place]!;
  }
  return kept[nucleus - 1]!;
}

/** How many of the falling weights are needed for a share of their sum: the least number that reaches it. */
function nucleusOf(weights: readonly number[], share: number): number {
  if (share >= 1) return weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  for (let place = 0; place < weights.length; place++) {
    sum += weights[place]! / total;
    if (sum >= share) return place + 1;
  }
  return weights.length;
}
