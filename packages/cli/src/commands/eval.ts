import { stat } from 'node:fs/promises';
import { evaluateFolder, type FolderEvaluation } from '@tfjs-peft/eval';
import { readCell } from '@tfjs-peft/eval/grid';
import { findings, formatTable } from '@tfjs-peft/eval/report';
import { readResults } from '@tfjs-peft/eval/run-folder';
import { compareMethods } from '@tfjs-peft/eval/statistics';
import { PeftError } from '@tfjs-peft/peft-core';
import type { CliIo } from '../cli-io.js';
import { type AdapterOptions, openOptions } from '../options/adapter-options.js';
import { reportProgress } from '../progress/report-progress.js';
import { jsonLine } from '../safe-output.js';

export interface EvalOptions extends AdapterOptions {
  readonly point?: string;
  readonly draws?: number;
  readonly data?: string;
  readonly task?: string;
  readonly reference?: readonly string[];
  readonly quiet?: boolean;
  readonly maxTokens?: number;
}

/** `tfjs-peft eval`: the comparison of an experiment again; with a point or a folder of one adapter, that adapter's test again. */
export async function evaluateAgain(folder: string, options: EvalOptions, io: CliIo): Promise<number> {
  checkPoint(options.point);
  if (!(await isFolder(folder)))
    throw new PeftError('FOLDER_MISSING', {
      found: `no folder "${folder}"`,
      expected: 'the folder of an experiment, a trial or an adapter',
      fix: 'check the path',
    });
  const asks = [options.point, options.draws, options.data, options.task, options.maxTokens].some(
    (value) => value !== undefined,
  );
  // A cell of a grid has arms that share runs, and perhaps runs that are still to come.
  const cell = asks ? null : await readCell(folder);
  const trials = cell?.results ?? (asks ? undefined : (await readResults(folder))?.trials);
  refuseUnused(options, trials !== undefined);
  if (trials) {
    const table = compareMethods(trials, {
      ...(options.reference && { references: options.reference }),
      ...(cell && { planned: cell.planned }),
    });
    io.out(
      options.json ? jsonLine({ folder, table, findings: findings(table) }) : formatTable(table, { width: io.width }),
    );
    return 0;
  }
  const progress = await reportProgress(io, { quiet: options.quiet ?? false });
  try {
    const evaluation = await evaluateFolder(folder, {
      ...openOptions(options),
      ...(options.point !== undefined && { point: options.point }),
      ...(options.draws !== undefined && { draws: options.draws }),
      ...(options.task !== undefined && { task: options.task }),
      data: {
        ...(options.data !== undefined && { directory: options.data }),
        ...(options.maxTokens !== undefined && { maxTokens: options.maxTokens }),
      },
      onEvent: progress.onEvent,
      onWarning: (text) => progress.line(`warning: ${text}`),
    });
    progress.stop();
    io.out(options.json ? jsonLine(evaluation) : formatEvaluation(evaluation));
    return 0;
  } finally {
    progress.stop();
  }
}

export function formatEvaluation({ task, test, results, subset, backend }: FolderEvaluation): string {
  const point = test.point === 'ensemble' ? `ensemble of ${test.draws} draws` : test.point;
  const intervalOf = (ends: readonly [number, number] | undefined) =>
    ends ? `  [${ends.map((end) => end.toFixed(2)).join(', ')}]` : '';
  const lines = Object.entries(results).flatMap(([split, { metrics, rows, intervals, undefined: undefinedCount }]) => [
    `${split}: ${rows} texts`,
    ...Object.entries(metrics).map(
      ([name, value]) => `  ${name.padEnd(16)}${value.toFixed(2).padStart(7)}${intervalOf(intervals?.[name])}`,
    ),
    ...(undefinedCount > 0 ? [`  ${undefinedCount} metrics were undefined and count as 0`] : []),
  ]);
  const head = `task ${task}, point ${point}, backend ${backend}${subset ? ', data is a cut of the official set' : ''}`;
  return `${[head, ...lines].join('\n')}\n`;
}

/** Options of the comparison where an adapter is tested, or the other way round. Errors: `USAGE`. */
function refuseUnused(options: EvalOptions, compares: boolean): void {
  const { reference, labels, model, revision, plugin, backend } = options;
  const ofTest = { labels, model, revision, plugin, backend: backend === 'auto' ? undefined : backend };
  const [unused] = Object.entries(compares ? ofTest : { reference }).find(([, value]) => value !== undefined) ?? [];
  if (unused === undefined) return;
  throw new PeftError(
    'USAGE',
    compares
      ? {
          found: `--${unused} for the folder of an experiment, whose comparison is shown and nothing tested again`,
          fix: 'leave it out, or test its adapter with --point midpoint',
        }
      : {
          found: `--${unused} where one adapter is tested`,
          fix: 'leave it out; the comparison of an experiment is shown by its folder alone',
        },
  );
}

/** Errors: `USAGE`. */
function checkPoint(point: string | undefined): void {
  if (point === undefined || /^(midpoint|ensemble|random|vertex:\d+)$/.test(point)) return;
  throw new PeftError('USAGE', {
    found: `--point ${point}`,
    expected: 'midpoint, ensemble, random or vertex:<number>',
    fix: 'write --point vertex:0 for the first vertex',
  });
}

const isFolder = (path: string) =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
