import type { TopLevelSpec } from 'vega-lite';
import { alignColumns } from '../report/align-columns.js';
import { htmlPage } from '../report/html-page.js';
import { notesList, plotSection } from '../report/html-sections.js';
import { htmlTable } from '../report/html-table.js';
import { plotColours, plotConfig } from '../report/plot-theme.js';
import { renderSvg } from '../report/render-svg.js';
import { formatNumber, formatSeconds } from '../report/table-cells.js';
import type { KernelMeasurement } from './measure-kernels.js';
import { rankKernels } from './rank-kernels.js';

const columns = [
  'method',
  'numbers',
  'dev',
  'test',
  'target alignment',
  'share of trace',
  'alignment with all',
  'effective rank',
  'time',
];

const cellsOf = ({ rows }: KernelMeasurement): (readonly string[])[] =>
  rows.map((row) => [
    row.method,
    formatNumber(row.parameters),
    row.dev.toFixed(1),
    row.test.toFixed(1),
    row.targetAlignment.toFixed(3),
    row.traceShare === null ? '-' : row.traceShare.toPrecision(3),
    row.fullAlignment === null ? '-' : row.fullAlignment.toFixed(3),
    row.effectiveRank.toFixed(1),
    formatSeconds(row.seconds),
  ]);

const titleOf = ({ task, host, kind, trainRows, devRows, testRows, dataSeed, metric }: KernelMeasurement) =>
  `Kernels (${kind}) of ${host} on ${task}: ${trainRows} training, ${devRows} dev, ${testRows} test texts, data seed ${dataSeed}; ${metric} × 100`;

const notesOf = ({ headAlone, prompted, draws }: KernelMeasurement): readonly string[] => [
  `${prompted ? 'The label words alone, at the mask of the prompt' : 'The head alone, fitted on frozen features'}: ${headAlone.toFixed(1)} on test.`,
  'Nothing inside the host was trained. Settings of each classifier were chosen on dev, so that its number on dev is too good.',
  ...(draws > 1
    ? [`Demonstrations are those of one draw; \`tfjs-peft run\` averages predictions over ${draws} of them.`]
    : []),
  'On the tasks that were tried this order did not predict trained accuracy (docs/kernel.md): do not read it as a forecast.',
];

/** Lines that rank the methods, ties as ties. */
export function formatRanking(measurement: KernelMeasurement): string {
  const ranked = rankKernels(measurement);
  const lines = ranked.map(({ method, place, dev, p }) => {
    const tied = ranked.filter((other) => other.place === place).length > 1;
    const reason = tied && p < 1 ? `, p ${p.toPrecision(2)}` : '';
    return `${`${place}${tied ? '=' : ''}`.padEnd(4)} ${method}  (dev ${dev.toFixed(1)}${reason})`;
  });
  return [
    `Ranked on ${measurement.devRows} development texts; "=" where McNemar's test does not separate at 0.05:`,
    ...lines,
  ].join('\n');
}

/** The table for a terminal. */
export function formatKernels(measurement: KernelMeasurement): string {
  return [titleOf(measurement), '', alignColumns([columns, ...cellsOf(measurement)]), '', ...notesOf(measurement)].join(
    '\n',
  );
}

/** A self-contained page: picture, table, ranking. Loads nothing and runs no script. */
export async function kernelReport(measurement: KernelMeasurement): Promise<string> {
  const svg = await renderSvg(
    pictureOf(measurement),
    'kernels',
    'Accuracy of kernels beside their alignment with the labels, by method',
  );
  const ranking = rankKernels(measurement).map(({ method, place, dev, p }) => [
    method,
    String(place),
    dev.toFixed(1),
    p.toPrecision(2),
  ]);
  return htmlPage({
    title: `What kernels say of ${measurement.task}`,
    body: `${plotSection('kernels', 'Before any training', svg, 'Metric on test of the classifier from each kernel, and how well the kernel is aligned with the labels and with that of all weights.')}
<section aria-labelledby="table"><h2 id="table">Table</h2>${htmlTable(titleOf(measurement), columns, cellsOf(measurement))}${notesList(notesOf(measurement))}</section>
<section aria-labelledby="ranking"><h2 id="ranking">Ranking on development texts</h2>${htmlTable("One place for all that McNemar's exact test does not separate", ['method', 'place', 'dev', 'p'], ranking)}</section>`,
    data: { ...measurement },
  });
}

function pictureOf({ rows, metric }: KernelMeasurement): TopLevelSpec {
  const values = rows.flatMap(({ method, test, targetAlignment, fullAlignment }) => [
    { method, what: `${metric} on test`, value: test },
    { method, what: 'alignment with labels × 100', value: 100 * targetAlignment },
    ...(fullAlignment === null
      ? []
      : [{ method, what: 'alignment with all weights × 100', value: 100 * fullAlignment }]),
  ]);
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: plotConfig,
    padding: 12,
    data: { values },
    facet: { field: 'what', type: 'nominal', columns: 3, sort: null, header: { title: null } },
    columns: 3,
    spec: {
      width: 200,
      height: { step: 22 },
      mark: { type: 'point', filled: true, size: 60, color: plotColours.method0 },
      encoding: {
        x: { field: 'value', type: 'quantitative', axis: { title: null, tickCount: 5 } },
        y: { field: 'method', type: 'nominal', sort: null, axis: { title: null } },
      },
    },
  } as unknown as TopLevelSpec;
}
