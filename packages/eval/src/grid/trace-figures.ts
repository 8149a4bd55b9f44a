import type { TopLevelSpec } from 'vega-lite';
import { methodColours, plotConfig } from '../report/plot-theme.js';
import { renderSvg } from '../report/render-svg.js';
import { groupBy } from '../statistics/group-by.js';
import type { GridAnalysis } from './analyse-grid.js';
import { type GridFigure, schema } from './grid-figure.js';
import type { RunTrace } from './selection-quality.js';

/** Mean traces over the runs of each arm: development metric at the midpoint and over draws, and the test where it was observed. */
export async function traceFigures({ traces: all, cells }: GridAnalysis): Promise<GridFigure[]> {
  const figures: GridFigure[] = [];
  for (const { id } of cells) {
    const own = all.filter(({ cell }) => cell === id);
    const rows = meansOver(own, ({ midpoint, stochastic, test }) => ({
      'dev, midpoint': midpoint,
      'dev, stochastic': stochastic,
      test,
    }));
    if (rows.length > 0)
      figures.push({
        id: `traces-${id}`,
        title: `Validation traces: ${id}`,
        caption:
          'Means over all runs of an arm, as far as all of them go: the development metric at the midpoint, over draws, and the test metric where the grid asked for `test.trace`.',
        svg: await renderSvg(
          linesOf(rows, ['dev, midpoint', 'dev, stochastic', 'test'], 'metric (x 100)'),
          `traces-${id}`,
          `Development and test metrics over training steps on ${id}.`,
        ),
        rows,
      });
    figures.push(...(await vertexTraces(id, own)));
  }
  return figures;
}

/** How the vertices of simplexes move during training: angle between them, and what the midpoint loses in length. */
async function vertexTraces(id: string, own: readonly RunTrace[]): Promise<GridFigure[]> {
  const norms = meansOver(own, ({ geometry }) => ({
    'vertices, norm': geometry?.vertexNorm,
    'midpoint, norm': geometry?.midpointNorm,
    'distance of vertices': geometry?.rootMeanSquaredDistance,
  }));
  const cosines = meansOver(own, ({ geometry }) => ({ 'squared cosine of vertices': geometry?.meanSquaredCosine }));
  if (norms.length === 0) return [];
  return [
    {
      id: `norms-${id}`,
      title: `Norms of the simplex: ${id}`,
      caption: 'Means over all runs of an arm: norms of vertices and midpoint, and the distance of the vertices.',
      svg: await renderSvg(
        linesOf(norms, ['vertices, norm', 'midpoint, norm', 'distance of vertices'], 'norm'),
        `norms-${id}`,
        `Norms of vertices and midpoint over training steps on ${id}.`,
      ),
      rows: norms,
    },
    {
      id: `cosines-${id}`,
      title: `Angle between the vertices: ${id}`,
      caption: 'Mean squared cosine over pairs of vertices, means over all runs of an arm: 0 is a right angle.',
      svg: await renderSvg(
        linesOf(cosines, ['squared cosine of vertices'], 'squared cosine'),
        `cosines-${id}`,
        `Squared cosine between vertices over training steps on ${id}.`,
      ),
      rows: cosines,
    },
  ];
}

interface TraceMean {
  readonly [column: string]: string | number;
  readonly method: string;
  readonly kind: string;
  readonly step: number;
  readonly value: number;
}

/** Means over the runs of each arm, at the steps that all of its runs reached: after the first one ends a mean would jump. */
function meansOver(
  own: readonly RunTrace[],
  values: (point: RunTrace['points'][number]) => Readonly<Record<string, number | undefined>>,
): TraceMean[] {
  const single = own.flatMap(({ method, points }) =>
    points.flatMap((point) =>
      Object.entries(values(point)).flatMap(([kind, value]) =>
        value !== undefined && Number.isFinite(value) ? [{ method, kind, step: point.step, value }] : [],
      ),
    ),
  );
  const runs = (method: string) => own.filter((trace) => trace.method === method).length;
  return [...groupBy(single, ({ method, kind, step }) => JSON.stringify([method, kind, step])).values()]
    .filter((group) => group.length === runs(group[0]!.method))
    .map((group) => ({
      ...group[0]!,
      value: group.reduce((sum, { value }) => sum + value, 0) / group.length,
    }));
}

/** A panel an arm, a line a kind, over the steps. */
const linesOf = (rows: readonly TraceMean[], domain: readonly string[], title: string): TopLevelSpec => ({
  $schema: schema,
  config: plotConfig,
  padding: 12,
  data: { values: [...rows] },
  columns: 3,
  facet: { field: 'method', type: 'nominal', sort: null, header: { title: null } },
  spec: {
    width: 245,
    height: 170,
    mark: { type: 'line', strokeWidth: 2 },
    encoding: {
      x: { field: 'step', type: 'quantitative', axis: { title: 'step', grid: false, tickCount: 4 } },
      y: { field: 'value', type: 'quantitative', scale: { zero: false }, axis: { title, tickCount: 5 } },
      color: {
        field: 'kind',
        type: 'nominal',
        scale: { domain: [...domain], range: methodColours.slice(0, domain.length) },
        legend: { title: null },
      },
    },
  },
});
