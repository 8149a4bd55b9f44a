import type { ComparisonTable } from '../statistics/comparison-table.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { plotColours } from './plot-theme.js';
import { htmlTable, left, right } from './html-table.js';
import { escapeHtml } from './printable.js';
import type { ReportExample } from './report-input.js';
import { formatBytes, formatNumber, formatSeconds, tableCells } from './table-cells.js';

/** The colours of a plot become CSS variables, so that they follow the reader's light or dark setting. */
const themed = (svg: string) =>
  Object.entries(plotColours).reduce((text, [key, colour]) => text.replaceAll(colour, `var(--${key})`), svg);

export const plotSection = (id: string, title: string, svg: string, caption: string): string =>
  `<section aria-labelledby="${id}"><h2 id="${id}">${escapeHtml(title)}</h2>
<figure>${themed(svg)}<figcaption>${escapeHtml(caption)}</figcaption></figure></section>`;

export function tableSection(table: ComparisonTable): string {
  const { columns, rows } = tableCells(table);
  const caption = `${table.metric} on ${table.split} (× 100), n counted in ${table.unit}s`;
  return `<section aria-labelledby="table"><h2 id="table">Table</h2>${htmlTable(caption, columns, rows)}</section>`;
}

export const notesList = (notes: readonly string[]): string =>
  `<ul class="notes">${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('')}</ul>`;

export function simplexSection(trials: readonly TrialSummary[]): string {
  const own = trials.filter(({ simplex }) => simplex !== undefined);
  if (own.length === 0) return '';
  const columns = [
    left('method'),
    right('data seed'),
    right('train seed'),
    right('mean cos² of vertices'),
    right('distance of vertices'),
    right('norm of midpoint'),
    right('norm of vertices'),
  ];
  const rows = own.map(({ method, dataSeed, trainSeed, simplex }) => [
    method,
    String(dataSeed),
    String(trainSeed),
    simplex!.meanSquaredCosine.toFixed(4),
    simplex!.rootMeanSquaredDistance.toFixed(2),
    simplex!.midpointNorm.toFixed(2),
    simplex!.vertexNorm.toFixed(2),
  ]);
  return `<section aria-labelledby="simplex"><h2 id="simplex">Shape of the simplexes</h2>${htmlTable('Effective parameters of the trained simplexes', columns, rows)}</section>`;
}

export function examplesSection(method: string, examples: readonly ReportExample[]): string {
  const rows = examples.map(({ text, textPair, label, predicted, probability }) => [
    textPair === undefined ? text : `${text} / ${textPair}`,
    label,
    predicted === label ? predicted : `${predicted} (wrong)`,
    probability.toFixed(2),
  ]);
  const columns = [left('text'), left('label'), left('predicted'), right('probability')];
  return `<section aria-labelledby="examples"><h2 id="examples">Some test texts</h2>${htmlTable(`Classified by ${method}`, columns, rows)}</section>`;
}

export function trialsSection(trials: readonly TrialSummary[]): string {
  const metrics = [...new Set(trials.flatMap((trial) => Object.entries(trial.test).flatMap(metricNames)))];
  const columns = [
    left('method'),
    right('data seed'),
    right('train seed'),
    left('status'),
    ...metrics.map((name) => right(name)),
    right('dev'),
    right('steps'),
    right('trainable'),
    right('file'),
    right('time'),
    left('id'),
  ];
  const rows = trials.map((trial) => {
    const values = new Map<string, number>(
      Object.entries(trial.test).flatMap(([split, { metrics: own }]) =>
        Object.entries(own).map(([name, value]) => [`${split} ${name}`, value] as const),
      ),
    );
    const done = trial.status === 'done';
    return [
      trial.method,
      String(trial.dataSeed),
      String(trial.trainSeed),
      done ? 'done' : `failed: ${trial.error?.message ?? 'unknown reason'}`,
      ...metrics.map((name) => values.get(name)?.toFixed(1) ?? '-'),
      trial.dev ? `${trial.dev.headline.toFixed(1)} at ${trial.dev.step}` : '-',
      trial.steps > 0 ? `${trial.steps}${trial.stoppedEarly ? ' (stopped early)' : ''}` : '-',
      trial.trainableParameters > 0 ? formatNumber(trial.trainableParameters) : '-',
      trial.fileBytes > 0 ? formatBytes(trial.fileBytes) : '-',
      done ? formatSeconds(trial.seconds) : '-',
      trial.id,
    ];
  });
  const warnings = [...new Set(trials.flatMap(({ method, warnings: own }) => own.map((text) => `${method}: ${text}`)))];
  return `<section aria-labelledby="runs"><h2 id="runs">Every run</h2>${htmlTable('One row a trial', columns, rows)}${
    warnings.length > 0 ? notesList(warnings) : ''
  }</section>`;
}

const metricNames = ([split, { metrics }]: readonly [string, TrialSummary['test'][string]]): string[] =>
  Object.keys(metrics).map((name) => `${split} ${name}`);

export function configurationSection(experiment: unknown, environment: unknown): string {
  const block = (title: string, value: unknown) =>
    value === undefined
      ? ''
      : `<details><summary>${escapeHtml(title)}</summary><pre>${JSON.stringify(value, null, 2).split('\n').map(escapeHtml).join('\n')}</pre></details>`;
  return `<section aria-labelledby="configuration"><h2 id="configuration">How it was made</h2>${block('Configuration', experiment)}${block('Environment', environment)}</section>`;
}
