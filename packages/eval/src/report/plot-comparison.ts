import type { TopLevelSpec } from 'vega-lite';
import type { ComparisonTable } from '../statistics/comparison-table.js';
import { methodColours, plotColours, plotConfig } from './plot-theme.js';
import { renderSvg } from './render-svg.js';
import { formatPercent } from './table-cells.js';

/**
 * Every run of every method as a point, with the mean over units and its interval; floors also as rules across the plot. A standalone SVG.
 */
export const plotSvg = (table: ComparisonTable): Promise<string> =>
  renderSvg(comparisonSpec(table), 'comparison', describe(table));

/** The Vega-Lite specification behind {@link plotSvg}; all data inline. */
export function comparisonSpec(table: ComparisonTable): TopLevelSpec {
  const shown = table.rows.filter(({ n }) => n > 0);
  const trained = shown.filter(({ kind }) => kind === 'trained');
  const methods = shown.map(({ method }) => method);
  const colours = shown.map(({ method, kind }) =>
    kind === 'floor'
      ? plotColours.floor
      : methodColours[trained.findIndex((row) => row.method === method) % methodColours.length]!,
  );
  const values = shown.flatMap(({ points, interval }) => [...points.map(({ value }) => value), ...(interval ?? [])]);
  const domain = values.length === 0 ? [0, 100] : paddedDomain(Math.min(...values), Math.max(...values));
  const y = {
    field: 'method',
    type: 'nominal' as const,
    sort: methods,
    axis: { title: null, grid: false, labelLimit: 200, labelFontSize: 13 },
  };
  const colour = {
    field: 'method',
    type: 'nominal' as const,
    scale: { domain: methods, range: colours },
    legend: null,
  };
  const title = `${table.metric} on ${table.split} (× 100): every run, mean and ${formatPercent(1 - table.alpha)} interval`;
  const quantitative = (field: string) => ({
    field,
    type: 'quantitative' as const,
    scale: { domain, nice: false, zero: false },
    axis: { title, titleAnchor: 'start' as const, tickCount: 8 },
  });
  const floors = shown.filter(({ kind }) => kind === 'floor').map(({ method, mean }) => ({ floor: method, mean }));
  const points = shown.flatMap(({ method, points: runs }) => runs.map((run) => ({ method, ...run })));
  // The figure stands beyond the interval and the dots, so that nothing runs through it.
  const means = shown.map(({ method, mean, interval, points: runs }) => ({
    method,
    mean,
    end: Math.max(mean, interval?.[1] ?? mean, ...runs.map(({ value }) => value)),
  }));
  const intervals = shown.flatMap(({ method, interval }) =>
    interval ? [{ method, low: interval[0], high: interval[1] }] : [],
  );
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: plotConfig,
    width: 740,
    height: { step: 52 },
    padding: 12,
    layer: [
      {
        data: { values: floors },
        mark: { type: 'rule', color: plotColours.floor, strokeDash: [4, 4], strokeWidth: 1.2 },
        encoding: { x: quantitative('mean') },
      },
      {
        data: { values: intervals },
        mark: { type: 'rule', strokeWidth: 5, opacity: 0.35, strokeCap: 'round' },
        encoding: { x: quantitative('low'), x2: { field: 'high' }, y, color: colour },
      },
      {
        data: { values: points },
        mark: { type: 'circle', size: 46, opacity: 0.75, yOffset: 13 },
        encoding: { x: quantitative('value'), y, color: colour },
      },
      {
        data: { values: means },
        mark: { type: 'tick', thickness: 3, size: 22 },
        encoding: { x: quantitative('mean'), y, color: colour },
      },
      {
        data: { values: means },
        mark: { type: 'text', align: 'left', dx: 10, fontSize: 13, fontWeight: 600 },
        encoding: {
          x: quantitative('end'),
          y,
          color: colour,
          text: { field: 'mean', type: 'quantitative', format: '.1f' },
        },
      },
    ],
  };
}

function paddedDomain(low: number, high: number): [number, number] {
  const margin = Math.max(1, (high - low) * 0.06);
  return [low - margin, high + 1.5 * margin];
}

const describe = ({ metric, rows }: ComparisonTable) =>
  `${metric} by method. ${rows
    .filter(({ n }) => n > 0)
    .map(
      ({ method, mean, interval, n }) =>
        `${method}: mean ${mean.toFixed(1)}${interval ? `, interval ${interval[0].toFixed(1)} to ${interval[1].toFixed(1)}` : ''}, n = ${n}`,
    )
    .join('. ')}.`;
