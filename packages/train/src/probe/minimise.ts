/** A differentiable function: its value at `x`, with its gradient written into `gradient`. */
export type Differentiable = (x: Float64Array, gradient: Float64Array) => number;

export interface MinimiseOptions {
  /** Stops when no entry of the gradient is larger; default 1e-7. */
  readonly tolerance?: number;
  /** Default 2000. */
  readonly maxIterations?: number;
}

/**
 * The minimum of a smooth convex function by L-BFGS (Nocedal and Wright, algorithm 7.4) with ten pairs of memory and a backtracking line
 * search. Starts at `start` and returns a new array.
 */
export function minimise(
  f: Differentiable,
  start: Float64Array,
  { tolerance = 1e-7, maxIterations = 2000 }: MinimiseOptions = {},
): Float64Array {
  const pairs: Pair[] = [];
  let x: Float64Array = start.slice();
  let gradient: Float64Array = new Float64Array(x.length);
  let value = f(x, gradient);
  for (let iteration = 0; iteration < maxIterations && largest(gradient) > tolerance; iteration++) {
    const direction = descend(gradient, pairs);
    const slope = dot(direction, gradient);
    const next = searchLine(
      f,
      x,
      value,
      direction,
      slope,
      iteration === 0 ? 1 / Math.sqrt(dot(gradient, gradient)) : 1,
    );
    // No smaller value along a descent direction: the limit of double precision.
    if (!next) break;
    const s = next.x.map((entry, i) => entry - x[i]!);
    const y = next.gradient.map((entry, i) => entry - gradient[i]!);
    const curvature = dot(s, y);
    if (curvature > 1e-16 * dot(y, y)) pairs.push({ s, y, curvature });
    if (pairs.length > 10) pairs.shift();
    ({ x, gradient, value } = next);
  }
  return x;
}

interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly curvature: number;
}

/** The quasi-Newton direction: two loops over the pairs. */
function descend(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((entry) => -entry);
  const weights = pairs.map(() => 0);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { s, y, curvature } = pairs[i]!;
    weights[i] = dot(s, direction) / curvature;
    addScaled(direction, y, -weights[i]!);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = last.curvature / dot(last.y, last.y);
    direction.forEach((entry, i) => (direction[i] = entry * scale));
  }
  pairs.forEach(({ s, y, curvature }, i) => addScaled(direction, s, weights[i]! - dot(y, direction) / curvature));
  return direction;
}

/** Halves the step until the value falls enough (Armijo, 1e-4). */
function searchLine(
  f: Differentiable,
  x: Float64Array,
  value: number,
  direction: Float64Array,
  slope: number,
  first: number,
): { x: Float64Array; gradient: Float64Array; value: number } | null {
  const gradient = new Float64Array(x.length);
  for (let step = first; step > 1e-9 * first; step /= 2) {
    const candidate = x.map((entry, i) => entry + step * direction[i]!);
    const reached = f(candidate, gradient);
    if (reached < value && reached <= value + 1e-4 * step * slope) return { x: candidate, gradient, value: reached };
  }
  return null;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, entry, i) => sum + entry * b[i]!, 0);
const largest = (a: Float64Array): number => a.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
const addScaled = (target: Float64Array, a: Float64Array, scale: number): void =>
  a.forEach((entry, i) => (target[i] = target[i]! + scale * entry));
