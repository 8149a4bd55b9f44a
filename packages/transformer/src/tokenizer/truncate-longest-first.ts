/**
 * Lengths of the two sides of a pair after longest-first truncation to `budget` tokens together, as in `truncate_encodings` of HF's
 * Rust library: the shorter side is kept whole while it takes at most half of the budget; else both get half, and an odd token goes to
 * the longer side, to the second one on a tie.
 */
export function truncateLongestFirst(first: number, second: number, budget: number): readonly [number, number] {
  if (first + second <= budget) return [first, second];
  const shorter = Math.min(first, second);
  const half = Math.floor(budget / 2);
  const [keptShorter, keptLonger] = shorter <= half ? [shorter, budget - shorter] : [half, budget - half];
  return first > second ? [keptLonger, keptShorter] : [keptShorter, keptLonger];
}
