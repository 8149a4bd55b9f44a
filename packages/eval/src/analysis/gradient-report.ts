import type { TopLevelSpec } from 'vega-lite';
import { alignColumns } from '../report/align-columns.js';
import { htmlPage } from '../report/html-page.js';
import { plotSection } from '../report/html-sections.js';
import { htmlTable } from '../report/html-table.js';
import { plotColours, plotConfig } from '../report/plot-theme.js';
import { renderSvg } from '../report/render-svg.js';
import type { GradientAnalysis, GradientRow } from './analyse-gradients.js';

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const share = (value: number) => value.toFixed(2);

/** Rows of the table: roles in order, all layers together, then everything; means. */
function sharesByRole({ rows }: GradientAnalysis): (readonly string[])[] {
  const groups = [...new Set(rows.map(({ role }) => role))].map(
    (role) => [role, rows.filter((row) => row.role === role)] as const,
  );
  const line = (title: string, group: readonly GradientRow[]) => [
    title,
    ...columnsOf(group, 'pretrained'),
    ...columnsOf(group, 'random'),
    (group.reduce((sum, { norm }) => sum + norm, 0) / group.length).toExponential(1),
  ];
  return [...groups.map(([role, group]) => line(role, group)), line('all', rows)];
}

const columnsOf = (group: readonly GradientRow[], of: 'pretrained' | 'random'): string[] =>
  (group[0]?.[of] ?? []).map((_, place) => share(group.reduce((sum, row) => sum + row[of][place]!, 0) / group.length));

const titles = ({ topShares }: GradientAnalysis) => [
  ...topShares.map((top) => `top ${percent(top)}`),
  ...topShares.map((top) => `random: top ${percent(top)}`),
  'norm',
];

/** The table for a terminal. */
export function formatGradients(analysis: GradientAnalysis): string {
  const table = alignColumns([['weights', ...titles(analysis)], ...sharesByRole(analysis)]);
  const { byBatch, batches, batchSize, host, task } = analysis;
  const range = (values: readonly (readonly number[])[]) => {
    const of = values.map((shares) => shares[1]!);
    return `${share(Math.min(...of))} to ${share(Math.max(...of))}`;
  };
  return [
    `Part of the gradient's norm in the largest entries of each weight matrix: ${host} on ${task}, ${batches} × ${batchSize} texts`,
    '',
    table,
    '',
    `Top 1 % of single batches, mean over all weights: ${range(byBatch.pretrained)} pretrained, ${range(byBatch.random)} with random weights.`,
  ].join('\n');
}

/** A self-contained page: picture, table by role, every weight. Loads nothing and runs no script. */
export async function gradientReport(analysis: GradientAnalysis): Promise<string> {
  const { host, task, batches, batchSize, rows } = analysis;
  const title = `Where ${task} pulls at ${host}`;
  const top = await renderSvg(
    shareSpec(analysis),
    'shares',
    'Part of the gradient norm in the top 1 % of entries, by layer and role',
  );
  const norms = await renderSvg(normSpec(analysis), 'norms', 'Norm of the gradient by layer and role');
  const every = rows.map(({ path, norm, pretrained, random }) => [
    path,
    ...pretrained.map(share),
    ...random.map(share),
    norm.toExponential(1),
  ]);
  const caption = `Part of the gradient's norm in the largest entries, ${batches} batches of ${batchSize} texts`;
  return htmlPage({
    title,
    body: `${plotSection('shares', 'How few entries carry the gradient', top, 'Part of the norm in the top 1 % of the entries of each weight: pretrained, and with random weights of the same shape.')}
${plotSection('norms', 'Where it is largest', norms, 'Euclidean norm of the gradient of each pretrained weight, before training.')}
<section aria-labelledby="roles"><h2 id="roles">By role</h2>${htmlTable(caption, ['weights', ...titles(analysis)], sharesByRole(analysis))}</section>
<section aria-labelledby="weights"><h2 id="weights">Every weight</h2>${htmlTable(caption, ['weight', ...titles(analysis)], every)}</section>`,
    data: analysis,
  });
}

const base = { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', config: plotConfig, padding: 12 } as const;

/** A line a role over the layers, pretrained and random beside each other. */
function shareSpec({ rows }: GradientAnalysis): TopLevelSpec {
  const values = rows.flatMap(({ role, layer, pretrained, random }) => [
    { role, layer, weights: 'pretrained', share: pretrained[1]! },
    { role, layer, weights: 'random', share: random[1]! },
  ]);
  return {
    ...base,
    data: { values },
    facet: { field: 'role', type: 'nominal', columns: 3, sort: null, header: { title: null } },
    columns: 3,
    spec: {
      width: 210,
      height: 130,
      mark: { type: 'line', point: true, strokeWidth: 2 },
      encoding: {
        x: { field: 'layer', type: 'ordinal', axis: { labelAngle: 0 } },
        y: {
          field: 'share',
          type: 'quantitative',
          scale: { domain: [0, 1] },
          axis: { title: 'top 1 %', tickCount: 5 },
        },
        color: {
          field: 'weights',
          type: 'nominal',
          scale: { domain: ['pretrained', 'random'], range: [plotColours.method0, plotColours.method1] },
          legend: { title: null },
        },
      },
    },
  } as unknown as TopLevelSpec;
}

function normSpec({ rows }: GradientAnalysis): TopLevelSpec {
  return {
    ...base,
    width: 640,
    height: 180,
    data: { values: rows.map(({ role, layer, norm }) => ({ role, layer, norm })) },
    mark: { type: 'line', point: true, strokeWidth: 2 },
    encoding: {
      x: { field: 'layer', type: 'ordinal', axis: { labelAngle: 0 } },
      y: { field: 'norm', type: 'quantitative', axis: { title: 'norm of the gradient', tickCount: 5 } },
      color: {
        field: 'role',
        type: 'nominal',
        sort: null,
        scale: {
          range: Object.entries(plotColours).flatMap(([key, colour]) => (key.startsWith('method') ? [colour] : [])),
        },
        legend: { title: null },
      },
    },
  };
}
