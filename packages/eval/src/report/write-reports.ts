import { basename, join } from 'node:path';
import type { ExperimentResult } from '../records/experiment-folder.js';
import { readJsonIfThere } from '../run-folder/read-text.js';
import { trialFiles } from '../records/trial-folder.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';
import { compareMethods } from '../statistics/compare-methods.js';
import type { ComparisonOptions, ComparisonTable } from '../statistics/comparison-table.js';
import { markdownTable } from './format-table.js';
import { htmlReport } from './html-report.js';
import type { ReportInput } from './report-input.js';
import { plotSvg } from './plot-comparison.js';
import { devMetricOf, historySvg } from './plot-histories.js';
import { escapeMarkdown } from './printable.js';
import { readHistories } from './read-histories.js';

/** What is compared and shown. */
export interface WriteReportsOptions
  extends Pick<ComparisonOptions, 'references' | 'split' | 'alpha'>, Pick<ReportInput, 'examples' | 'remarks'> {
  readonly title?: string;
}

/** The comparison, and the files that show it. */
export interface WrittenReports {
  readonly table: ComparisonTable;
  /** Paths by kind; `history` is absent where no trial has a development set. */
  readonly files: {
    readonly table: string;
    readonly plot: string;
    readonly report: string;
    readonly history?: string;
  };
}

/**
 * Compares the trials of an experiment and writes `table.md`, `plot.svg`, `history.svg` and `report.html` into its folder.
 * Errors: those of `compareMethods`, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function writeReports(
  result: ExperimentResult,
  options: WriteReportsOptions = {},
): Promise<WrittenReports> {
  const { folder, config, trials } = result;
  const { title = config.name ?? basename(folder), remarks = [], examples, ...comparison } = options;
  const table = compareMethods(trials, comparison);
  const histories = await readHistories(result);
  const [first] = trials;
  const environment = first ? await readJsonIfThere(trialFiles(join(folder, first.folder)).environment) : null;
  const history = await historySvg(histories, devMetricOf(trials, table.metric));
  const files = {
    table: join(folder, 'table.md'),
    plot: join(folder, 'plot.svg'),
    report: join(folder, 'report.html'),
    ...(history !== null && { history: join(folder, 'history.svg') }),
  };
  const remarkList = remarks.map((remark) => `* ${escapeMarkdown(remark)}\n`).join('');
  await writeFileAtomically(files.table, `# ${escapeMarkdown(title)}\n\n${markdownTable(table)}${remarkList}`);
  await writeFileAtomically(files.plot, await plotSvg(table));
  if (files.history !== undefined) await writeFileAtomically(files.history, history!);
  const html = await htmlReport({
    title,
    experiment: config,
    ...(environment !== null && { environment }),
    table,
    trials,
    protocol: config.data.protocol,
    histories,
    ...(examples && { examples }),
    remarks,
  });
  await writeFileAtomically(files.report, html);
  return { table, files };
}
