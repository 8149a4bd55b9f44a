/** Steps along an edge of a simplex of this many vertices: fine where there is one edge, coarser where there are many points. */
const stepsOf = (vertices: number): number => (vertices === 2 ? 8 : vertices === 3 ? 6 : 4);

/**
 * The points at which a simplex is looked at, as coefficients that sum to 1. Two vertices: the line through them, a quarter of their distance beyond
 * each. Three: a triangular grid. More: the edges. The midpoint is always among them.
 */
export function simplexGrid(vertices: number): number[][] {
  const steps = stepsOf(vertices);
  const points = vertices === 2 ? line(steps) : vertices === 3 ? triangle(steps) : edges(vertices, steps);
  const isMidpoint = (point: readonly number[]) => point.every((value) => Math.abs(value - 1 / vertices) < 1e-9);
  return points.some(isMidpoint) ? points : [...points, Array.from({ length: vertices }, () => 1 / vertices)];
}

const line = (steps: number): number[][] =>
  Array.from({ length: steps + steps / 2 + 1 }, (_, index) => {
    const second = index / steps - 1 / 4;
    return [1 - second, second];
  });

function triangle(steps: number): number[][] {
  const points: number[][] = [];
  for (let first = 0; first <= steps; first++)
    for (let second = 0; first + second <= steps; second++)
      points.push([first / steps, second / steps, (steps - first - second) / steps]);
  return points;
}

function edges(vertices: number, steps: number): number[][] {
  const all = Array.from({ length: vertices }, (_, index) => index);
  const at = (weights: ReadonlyMap<number, number>) => all.map((vertex) => weights.get(vertex) ?? 0);
  const corners = all.map((vertex) => at(new Map([[vertex, 1]])));
  const between = all.flatMap((from) =>
    all.slice(from + 1).flatMap((to) =>
      Array.from({ length: steps - 1 }, (_, index) => {
        const share = (index + 1) / steps;
        return at(
          new Map([
            [from, 1 - share],
            [to, share],
          ]),
        );
      }),
    ),
  );
  return [...corners, ...between];
}
