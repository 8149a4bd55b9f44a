import { cpus } from 'node:os';
import { relative, resolve } from 'node:path';
import { type BackendChoice, type BackendReport, selectBackend } from '@tfjs-peft/backend';
import { type ExperimentConfigInput, type ExperimentResult, runExperiment } from '@tfjs-peft/eval';
import { findings, formatTable, writeReports, type WrittenReports } from '@tfjs-peft/eval/report';
import { requireMethods } from '@tfjs-peft/eval/statistics';
import type { CliIo } from '../cli-io.js';
import { hfDifferences, hfNote } from './hf-note.js';
import { isDebug } from '../report-error.js';
import { jsonLine } from '../safe-output.js';
import { withProgress } from './with-progress.js';

/** Options of every command that runs trials. */
export interface ExecutionOptions {
  readonly backend: BackendChoice;
  readonly jobs?: number;
  readonly resume?: boolean;
  /** Seconds. */
  readonly hangLimit?: number;
  readonly timeLimit?: number;
  /** Modules named on the command line. */
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** Shows where failed runs threw. */
  readonly debug?: boolean;
}

export interface Execution extends ExecutionOptions {
  readonly config: ExperimentConfigInput;
  readonly folder: string;
  /** Where the configuration's own plugins are looked for. */
  readonly directory?: string;
  readonly references?: readonly string[];
  readonly remarks?: readonly string[];
  /** Commands to try next, shown below the results. */
  readonly next?: (result: ExperimentResult) => readonly string[];
  /** The arguments with which this command can be repeated, without `--resume`. */
  readonly again: readonly string[];
}

/** Processes at most by default: each holds a host and its activations in memory. */
const mostJobs = 4;

/**
 * Runs an experiment with progress, writes its reports and shows them. The first Ctrl-C lets the step finish and saves; the second one ends
 * at once. Exit code 1 if a run failed, 130 if interrupted, 143 if asked to end (SIGTERM).
 */
export async function executeExperiment(execution: Execution, io: CliIo): Promise<number> {
  const { config, folder, resume = false, quiet = false } = execution;
  checkReferences(config, execution.references);
  let result: ExperimentResult | undefined;
  const interrupted = await withProgress(
    async ({ progress, signal }) => {
      const report = await selectBackend({ backend: execution.backend });
      const jobs = execution.jobs ?? defaultJobs(report);
      if (!quiet) describeBackend(report, jobs).forEach(progress.line);
      result = await runExperiment(config, {
        folder,
        jobs,
        backend: report.backend,
        resume,
        ...limitsOf(execution),
        plugins: execution.plugin ?? [],
        ...(execution.directory !== undefined && { directory: execution.directory }),
        onEvent: progress.onEvent,
        signal,
      });
    },
    { ...execution, again: shellCommand([...execution.again, '--resume']) },
    io,
  );
  return interrupted ?? showResults(result!, execution, io);
}

/** Before anything is trained. Errors: `UNKNOWN_METHOD`. */
function checkReferences({ methods }: Execution['config'], references: readonly string[] = []): void {
  const names = methods.map((method) => (typeof method === 'string' ? method : method.name));
  requireMethods(references, names, {
    found: (name) => `--reference ${name}`,
    among: 'a method of the experiment',
  });
}

/** The limits that were given. */
export const limitsOf = ({ hangLimit, timeLimit }: Pick<ExecutionOptions, 'hangLimit' | 'timeLimit'>) => ({
  ...(hangLimit !== undefined && { hangLimit }),
  ...(timeLimit !== undefined && { timeLimit }),
});

/** Writes the reports of a finished experiment and prints table, paths and what to try next. */
export async function showResults(
  result: ExperimentResult,
  {
    references,
    remarks = [],
    next,
    json = false,
    debug = false,
  }: Omit<Execution, 'config' | 'folder' | 'again' | 'backend'>,
  io: CliIo,
): Promise<number> {
  const reports = await writeReports(result, { ...(references && { references }), remarks });
  const failed = result.trials.filter(({ status }) => status === 'failed');
  const follow = next?.(result) ?? [];
  const differences = result.adapter ? await hfDifferences(result.folder) : [];
  if (json) io.out(jsonLine({ ...describeResult(result, reports), hfDifferences: differences }));
  else {
    const { table } = reports;
    io.out(formatTable({ ...table, notes: [...table.notes, ...remarks] }, { width: io.width }));
    io.out(`\n${pathLines(result, reports)}`);
    for (const note of hfNote(differences)) io.out(`${note}\n`);
    if (follow.length > 0) io.out(`\nTo try next:\n${follow.map((command) => `  ${command}\n`).join('')}`);
  }
  if (failed.length === 0) return 0;
  if (isDebug(debug, io))
    for (const { folder, error } of failed) io.err(`${folder}: ${error?.stack ?? error?.message ?? ''}\n`);
  io.err(`${failed.length} of ${result.trials.length} runs failed; the same command with --resume tries them again.\n`);
  return 1;
}

function describeResult(result: ExperimentResult, { table, files }: WrittenReports) {
  const { folder, trials, adapter } = result;
  return { folder, table, findings: findings(table), trials, adapter, files };
}

function pathLines({ folder, adapter }: ExperimentResult, { files }: WrittenReports): string {
  const show = (path: string) => shortPath(path);
  return [
    `report   ${show(files.report)}`,
    `plot     ${show(files.plot)}`,
    `table    ${show(files.table)}`,
    adapter
      ? `adapter  ${show(resolve(folder, 'adapter'))} (${adapter.trial}: ${adapter.reason})`
      : 'adapter  none: no method was trained',
  ]
    .map((text) => `${text}\n`)
    .join('');
}

/** Relative to the working directory where it lies below it. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}

/** Few-shot batches are too small to keep several threads busy: several processes use a CPU better. */
export const defaultJobs = ({ backend }: BackendReport) =>
  backend === 'tensorflow-gpu' || backend === 'webgpu' ? 1 : Math.min(mostJobs, cpus().length);

const describeBackend = ({ backend, engine, threads, hint }: BackendReport, jobs: number): string[] => [
  `backend: ${backend}${engine ? ` (${engine})` : ''}, ${jobs > 1 ? `${jobs} processes` : `${threads} thread${threads === 1 ? '' : 's'}`}`,
  ...(hint ? [hint] : []),
];

/** A command line that a POSIX shell reads as these arguments. */
export const shellCommand = (args: readonly string[]): string => ['npx', 'tfjs-peft', ...args.map(quote)].join(' ');

/** The arguments that allow the same plugins in another command. */
export const pluginArguments = (plugins: readonly string[] = []): string[] =>
  plugins.flatMap((module) => ['--plugin', module]);

function quote(arg: string): string {
  if (/^[\w./:=,@%+-]+$/.test(arg)) return arg;
  return /["$`\\!]/.test(arg) ? `'${arg.replaceAll("'", "'\\''")}'` : `"${arg}"`;
}
