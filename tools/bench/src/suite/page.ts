import { plotColours } from '@tfjs-peft/eval/report';
import { fillPage } from '../../../docs/fill-page.js';
import { drawPanels } from '../../../options/draw-panels.js';
import { markdownTable } from '../../../options/markdown-table.js';
import { median } from '../measure-workers.js';
import { comparisons, type Curve, curves, shortNames } from './comparisons.js';
import { nameOf } from './contenders.js';
import type { Figures } from './figures.js';

/** The page with the tables, and its picture. */
export const performancePage = new URL('../../../../docs/performance.md', import.meta.url);
export const performancePicture = new URL('../../../../docs/performance/growth.svg', import.meta.url);

/** The page with what was measured between `<!-- figures -->` and `<!-- /figures -->`. */
export const insertFigures = (page: string, figures: readonly Figures[]): Promise<string> =>
  fillPage(page, 'figures', tablesOf(inOrder(figures)), performancePage);

/** Comparisons in the order of the suite; what it no longer has is left out. */
const inOrder = (figures: readonly Figures[]): Figures[] =>
  comparisons.flatMap(({ id }) => figures.filter((one) => one.id === id));

const tablesOf = (figures: readonly Figures[]): string =>
  [
    ...figures.filter(({ curve }) => !curve).map(comparisonTable),
    ...Object.keys(curves).flatMap((name) => curveTable(name as Curve, figures)),
    ...provenance(figures),
  ].join('\n\n');

function comparisonTable({ id, title, results, steps }: Figures): string {
  const { unit = 'step' } = comparisons.find((one) => one.id === id)!;
  const rows = results.map((result) => {
    const { rounds, cpu, peakMegabytes, against } = result;
    const base = against === undefined ? undefined : results[against]!;
    return [
      nameOf(result),
      spread(rounds, digitsOf(median(rounds))),
      base ? nameOf(base) : '',
      base ? spread(ratios(rounds, base.rounds), 2) : '',
      base ? spread(ratios(cpu, base.cpu), 2) : '',
      peakMegabytes.toFixed(0),
    ];
  });
  const columns = [unit, 'ms, median (range)', 'against', 'ratio', 'ratio of CPU time', 'peak memory, MB'];
  return `**${title}** (${results[0]!.rounds.length} rounds of ${steps})\n\n${markdownTable([columns, ...rows])}`;
}

/** Times over what grows, a column a contender. */
function curveTable(name: Curve, figures: readonly Figures[]): string[] {
  const points = figures.filter(({ curve }) => curve?.name === name);
  if (points.length === 0) return [];
  const count = Math.max(...points.map(({ results }) => results.length));
  const columns = Array.from({ length: count }, (_, index) => seriesOf(points.at(-1)!.results[index]!));
  const rows = points.map(({ curve, results }) => [
    String(curve!.at),
    ...results.map(({ rounds }) => spread(rounds, digitsOf(median(rounds)))),
    ...(results.length === 2 ? [spread(ratios(results[1]!.rounds, results[0]!.rounds), 2)] : []),
  ]);
  return [
    `**${curves[name]}** (ms)\n\n${markdownTable([[name, ...columns, ...(count === 2 ? ['ratio'] : [])], ...rows])}`,
  ];
}

const seriesOf = ({ side, method }: Figures['results'][number]) => `${method}, ${side}`;

function provenance(figures: readonly Figures[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { id, machine, software, commit, date } of figures) {
    const where = `${machine}, ${software}, ${date}, commit ${commit}`;
    lines.set(where, [...(lines.get(where) ?? []), id]);
  }
  return lines.size === 1
    ? [`Measured on: ${[...lines.keys()][0]}.`]
    : [...lines].map(([where, ids]) => `${ids.join(', ')}: ${where}.`);
}

const ratios = (values: readonly number[], base: readonly number[]) =>
  values.map((value, round) => value / base[round]!);

const digitsOf = (value: number) => (value < 100 ? 1 : 0);

const spread = (values: readonly number[], digits: number): string =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} – ${Math.max(...values).toFixed(digits)})`;

/** How the time of a step grows, a panel a quantity, from zero. */
export function drawGrowth(figures: readonly Figures[]): Promise<string> {
  const values = figures.flatMap(({ curve, results }) =>
    curve
      ? results.map((result) => ({
          panel: shortNames[curve.name],
          at: curve.at,
          series: result.side,
          ms: median(result.rounds),
          low: Math.min(...result.rounds),
          high: Math.max(...result.rounds),
        }))
      : [],
  );
  const x = { field: 'at', type: 'quantitative', axis: { title: null, tickCount: 5 } };
  const y = { type: 'quantitative', axis: { title: 'ms', tickCount: 5 } };
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain: ['tfjs-node', 'torch'], range: [plotColours.method0, plotColours.method1] },
    legend: { title: null },
  };
  const facet = { field: 'panel', sort: Object.values(shortNames) };
  const scales = { x: 'independent', y: 'independent' };
  return drawPanels(
    { values, facet, x, y, color, middle: 'ms', scales, height: 160 },
    'growth',
    'Time of a step over what it grows with',
  );
}
