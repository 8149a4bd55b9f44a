import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { formatBytes, formatNumber } from '@tfjs-peft/eval/report';
import { type Interval, pairedDifference, summarise } from '@tfjs-peft/eval/statistics';
import { chosenRate } from './choose-rates.js';
import type { StepRecord } from './measure-steps.js';
import type { RunRecord } from './run-record.js';
import {
  dataSeeds,
  floors,
  methods,
  rateFactors,
  ratesOf,
  searchSeed,
  size,
  type TaskName,
  tasks,
} from './settings.js';

export const resultFiles = { runs: 'runs.json', steps: 'steps.json', tables: 'README.md' } as const;

export interface AblationResults {
  readonly runs: readonly RunRecord[];
  readonly steps: readonly StepRecord[];
}

export function readResults(folder: string): AblationResults {
  const read = (name: string) => {
    const file = join(folder, name);
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  };
  return { runs: read(resultFiles.runs), steps: read(resultFiles.steps) };
}

export async function writeReport(folder: string): Promise<void> {
  const file = join(folder, resultFiles.tables);
  writeFileSync(file, await renderPage(readResults(folder), file));
}

/** The page as it is kept in the repository, formatted like everything else. */
export const renderPage = async (results: AblationResults, file: string): Promise<string> =>
  format(renderReport(results), { ...(await resolveConfig(file)), filepath: file });

const simplexOf = (method: string) => `${method}-subspace`;
const points = (value: number) => value.toFixed(1);
function signed(value: number): string {
  const size = points(Math.abs(value));
  return Number(size) === 0 ? size : `${value < 0 ? '-' : '+'}${size}`;
}
const range = ([low, high]: Interval, format: (value: number) => string) => `\\[${format(low)}, ${format(high)}\\]`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map((_, index) => (index === 0 ? ':--' : '--:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

function meanAndDeviation(values: readonly number[]): string {
  const { mean, standardDeviation } = summarise(values);
  return `${points(mean)} ± ${standardDeviation === null ? '?' : points(standardDeviation)}`;
}

const factor = (value: number) => (value < 1 ? `1/${Math.round(1 / value)}` : String(value));

/** Of pairs `[simplex, alone]`, one a split. */
function difference(pairs: readonly (readonly [number, number])[]): string {
  if (pairs.length === 0) return '-';
  const { mean, interval } = pairedDifference(
    pairs.map(([simplex]) => simplex),
    pairs.map(([, alone]) => alone),
  );
  return `${signed(mean)}${interval ? ` ${range(interval, signed)}` : ''}`;
}

/** The page docs/ablation/README.md: everything in it comes from the two JSON files and the settings. */
export function renderReport({ runs, steps }: AblationResults): string {
  const known = Object.keys(tasks).filter((task) => runs.some((run) => run.task === task)) as TaskName[];
  const backends = [...new Set(runs.map(({ backend }) => backend))].join(' and ');
  return `<!-- Written by \`npm run ablation -- --report\` from runs.json and steps.json; do not edit. -->

# Every method, alone and under a simplex

MiniLM, ${size.shots} labelled texts and as many for development, ${size.steps} steps of ${size.batchSize}, ${dataSeeds.length} splits (data seeds ${dataSeeds.join(', ')}), backend
${backends}. Learning rates: the preset's times ${rateFactors.map(factor).join(', ')}, each tried once a method and task on a split of its own (data seed
${searchSeed}); the best on its development set is used on the reported splits. Methods and simplexes have the same number of tries. A simplex has two vertices, drawn
per example and layer in training, and is tested at its midpoint, so that both sides are deployed at the same cost. Settings: \`tools/ablation/settings.ts\`; every run: \`runs.json\`.

With ${dataSeeds.length} splits an interval of 95 % is ${points(4.303 / Math.sqrt(3))} standard deviations wide on either side: most differences here say little, and none is corrected for the number of methods.
${known.map((task) => `\n## ${task}: accuracy\n\n${taskTable(task, runs)}\n`).join('')}
## Cost

${costTable(known, runs, steps)}

${steps.length > 0 ? `A training step of 16 rows of 64 tokens and the largest memory of its process, host included (${steps[0]!.machine}; \`npm run ablation -- --measure\`).` : 'Training steps have not been measured yet.'}
`;
}

function taskTable(task: TaskName, runs: readonly RunRecord[]): string {
  const reported = runs.filter((run) => run.task === task && run.part === 'report');
  // Runs at rates that were the best of fewer tries may be there too.
  const rateOf = (method: string) =>
    (floors as readonly string[]).includes(method) ? null : chosenRate(runs, task, method);
  const own = (method: string) =>
    dataSeeds.flatMap((seed) =>
      reported.filter((run) => run.method === method && run.dataSeed === seed && run.rate === rateOf(method)),
    );
  const cell = (method: string) => {
    const found = own(method).map(({ test }) => test);
    if (found.length === 0) return '-';
    return `${meanAndDeviation(found)}${found.length < dataSeeds.length ? ` (${found.length})` : ''}`;
  };
  const rate = (method: string) => {
    const chosen = rateOf(method);
    if (chosen === undefined || chosen === null) return '-';
    const rates = ratesOf(method);
    return `${chosen}${chosen === rates[0] ? '↓' : chosen === rates.at(-1) ? '↑' : ''}`;
  };
  /** `[simplex, alone]` on each split that both have. */
  const pairsOf = (method: string) =>
    own(method).flatMap((plain) => {
      const simplex = own(simplexOf(method)).find(
        (run) => run.dataSeed === plain.dataSeed && run.splitHash === plain.splitHash,
      );
      return simplex ? [[simplex.test, plain.test] as const] : [];
    });
  const rows = methods
    .filter((method) => own(method).length > 0)
    .map((method) => [
      method,
      cell(method),
      cell(simplexOf(method)),
      difference(pairsOf(method)),
      rate(method),
      rate(simplexOf(method)),
    ]);
  const complete = methods.map(pairsOf).filter((pairs) => pairs.length === dataSeeds.length);
  if (complete.length > 1) rows.push(meanRow(complete));
  const head = ['method', 'alone', 'simplex', 'difference \\[95 %\\]', 'rate', 'rate of the simplex'];
  const below = floors.map((floor) => [floor, cell(floor), '-', '-', '-', '-']);
  return `${table(head, [...below, ...rows])}\n\n↓ and ↑: the lowest or the highest of the rates tried was the best.`;
}

/** The mean of several methods on each split, from the pairs `[simplex, alone]` of each of them on all splits. */
function meanRow(methodPairs: readonly (readonly (readonly [number, number])[])[]): string[] {
  const meanOf = (split: number, side: 0 | 1) => summarise(methodPairs.map((pairs) => pairs[split]![side])).mean;
  const means = dataSeeds.map((_, split) => [meanOf(split, 0), meanOf(split, 1)] as const);
  return [
    `mean of ${methodPairs.length} methods`,
    meanAndDeviation(means.map(([, alone]) => alone)),
    meanAndDeviation(means.map(([simplex]) => simplex)),
    difference(means),
    '',
    '',
  ];
}

function costTable(known: readonly TaskName[], runs: readonly RunRecord[], steps: readonly StepRecord[]): string {
  const [first] = known;
  const cells = (method: string) => {
    const run = runs.find((one) => one.part === 'report' && one.method === method && one.task === first);
    const step = steps.find((one) => one.method === method);
    return [
      run ? formatNumber(run.trainableParameters) : '-',
      step ? String(step.milliseconds) : '-',
      step ? String(step.peakMegabytes) : '-',
      run ? formatBytes(run.fileBytes) : '-',
    ];
  };
  const head = ['method', 'trainable', 'step, ms', 'peak, MB', 'file'];
  return table(
    [...head, ...head.slice(1).map((title) => `simplex: ${title}`)],
    methods.map((method) => [method, ...cells(method), ...cells(simplexOf(method))]),
  );
}
