import type { TopLevelSpec } from 'vega-lite';
import type { DataConfig } from '../config/experiment-config.js';
import { shotsText } from '../config/shots-text.js';
import { methodScales, plotColours, plotConfig } from '../report/plot-theme.js';
import { renderSvg } from '../report/render-svg.js';
import type { GridAnalysis } from './analyse-grid.js';
import type { GridConfig } from './grid-config.js';
import { type GridFigure, schema } from './grid-figure.js';
import { traceFigures } from './trace-figures.js';

/** All figures that the results allow. */
export async function drawFigures(
  analysis: GridAnalysis,
  { margin, data }: Pick<GridConfig, 'margin' | 'data'>,
): Promise<GridFigure[]> {
  const drawn = [
    await forest(analysis, margin),
    await curves(analysis, data.protocol),
    ...(await traceFigures(analysis)),
  ];
  return drawn.filter((figure) => figure !== null);
}

/** Differences to the reference, a row a cell and one for all of them; what is not separated is drawn as a hollow mark. */
async function forest({ cells, overall }: GridAnalysis, margin: number): Promise<GridFigure | null> {
  const tables = [
    ...(overall && cells.length > 1 ? [{ where: 'all cells', table: overall }] : []),
    ...cells.flatMap(({ id, table }) => (table ? [{ where: id, table }] : [])),
  ];
  const rows = tables.flatMap(({ where, table }) =>
    table.rows.flatMap(({ method, differences }) =>
      Object.entries(differences).flatMap(([reference, difference]) =>
        difference === null
          ? []
          : [
              {
                where,
                comparison: `${method} - ${reference}`,
                mean: difference.mean,
                low: difference.interval?.[0] ?? difference.mean,
                high: difference.interval?.[1] ?? difference.mean,
                verdict:
                  difference.interval === null
                    ? 'no interval'
                    : difference.verdict === 'not separated'
                      ? 'tie'
                      : difference.verdict,
                n: difference.n,
              },
            ],
      ),
    ),
  );
  if (rows.length === 0) return null;
  const x = {
    type: 'quantitative' as const,
    scale: { zero: false },
    axis: { title: 'difference in points (Holm-corrected interval)' },
  };
  const y = { field: 'row', type: 'nominal' as const, sort: null, axis: { title: null, labelLimit: 420 } };
  const colours = {
    tie: plotColours.floor,
    'no interval': plotColours.floor,
    better: plotColours.method2,
    worse: plotColours.method1,
  };
  const color = {
    field: 'verdict',
    type: 'nominal' as const,
    scale: { domain: Object.keys(colours), range: Object.values(colours) },
    legend: { title: null },
  };
  const spec: TopLevelSpec = {
    $schema: schema,
    config: plotConfig,
    padding: 12,
    data: {
      values: rows.map((row) => ({
        ...row,
        row: `${row.comparison}, ${row.where}`,
        zero: 0,
        from: -margin,
        to: margin,
      })),
    },
    width: 560,
    height: { step: 20 },
    layer: [
      {
        mark: { type: 'rect', color: plotColours.grid, opacity: 0.6 },
        encoding: { x: { field: 'from', ...x }, x2: { field: 'to' } },
      },
      {
        mark: { type: 'rule', color: plotColours.muted, strokeDash: [3, 3] },
        encoding: { x: { field: 'zero', ...x } },
      },
      {
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x: { field: 'low', ...x }, x2: { field: 'high' }, y, color },
      },
      {
        mark: { type: 'point', filled: false, size: 60, opacity: 1, strokeWidth: 1.5 },
        encoding: {
          x: { field: 'mean', ...x },
          y,
          color,
          // Only what is separated is filled.
          fill: {
            condition: (['better', 'worse'] as const).map((verdict) => ({
              test: `datum.verdict == '${verdict}'`,
              value: colours[verdict],
            })),
            value: 'transparent',
          },
        },
      },
    ],
  };
  const label = rows
    .map(
      ({ where, comparison, mean, low, high, verdict }) =>
        `${comparison} on ${where}: ${mean.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)}), ${verdict}`,
    )
    .join('. ');
  return {
    id: 'forest',
    title: 'Differences to the reference',
    caption: `Marks: mean paired differences on identical splits. Lines: intervals, corrected for all comparisons of the cell. Hollow: ties, the interval contains zero. Shaded: the margin of ${margin} points. A cell without pairs has no row.`,
    svg: await renderSvg(spec, 'forest', `Forest plot of differences. ${label}.`),
    rows,
  };
}

/** Means over K, one panel a task and host. */
async function curves({ cells }: GridAnalysis, protocol: DataConfig['protocol']): Promise<GridFigure | null> {
  if (new Set(cells.map(({ shots }) => shots)).size < 2) return null;
  const rows = cells.flatMap(({ task, model, shots, table }) =>
    (table?.rows ?? [])
      .filter(({ n }) => n > 0)
      .map(({ method, mean, interval }) => ({
        panel: `${task}, ${model}`,
        shots,
        method,
        mean,
        low: interval?.[0] ?? mean,
        high: interval?.[1] ?? mean,
      })),
  );
  if (rows.length === 0) return null;
  const methods = [...new Set(rows.map(({ method }) => method))];
  const x = {
    field: 'shots',
    type: 'quantitative' as const,
    scale: { type: 'log' as const },
    axis: { title: shotsText('K', protocol), grid: false, values: [...new Set(rows.map(({ shots }) => shots))] },
  };
  const scales = methodScales(methods);
  const channel = { field: 'method', type: 'nominal' as const, legend: { title: null } };
  const color = { ...channel, scale: scales.color };
  const strokeDash = { ...channel, scale: scales.strokeDash };
  const y = { type: 'quantitative' as const, scale: { zero: false }, axis: { title: 'headline metric (x 100)' } };
  const spec: TopLevelSpec = {
    $schema: schema,
    config: plotConfig,
    padding: 12,
    data: { values: rows },
    columns: 2,
    facet: { field: 'panel', type: 'nominal', sort: null, header: { title: null } },
    spec: {
      width: 360,
      height: 200,
      layer: [
        { mark: { type: 'line', point: true }, encoding: { x, y: { field: 'mean', ...y }, color, strokeDash } },
        {
          mark: { type: 'rule', opacity: 0.5 },
          encoding: { x, y: { field: 'low', ...y }, y2: { field: 'high' }, color },
        },
      ],
    },
  };
  return {
    id: 'shots',
    title: 'More labelled texts',
    caption: 'Means over splits by K; lines: their intervals.',
    svg: await renderSvg(spec, 'shots', `Headline metric by ${shotsText('K', protocol)} for ${methods.join(', ')}.`),
    rows,
  };
}
