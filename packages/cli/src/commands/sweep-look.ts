import { execFileSync } from 'node:child_process';
import {
  collectSweep,
  copyRecords,
  markCancelled,
  openSweepQueue,
  readSweepStatus,
  type SweepStatus,
  type TrialState,
  trialStates,
} from '@tfjs-peft/eval/sweep';
import { formatBytes, formatSeconds } from '@tfjs-peft/eval/report';
import type { CliIo } from '../cli-io.js';
import { alignedTable } from '../progress/aligned-table.js';
import { stopOnRequest } from '../progress/stop-on-request.js';
import { jsonLine, oneSafeLine } from '../safe-output.js';
import { shellCommand } from './execute-experiment.js';
import { type ReportOptions, showReport } from './report.js';

export interface SweepFolderOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly redis?: string;
}

const watchEvery = 5000;
const mostFailures = 10;

/** `tfjs-peft sweep status`. */
export async function sweepStatus(folder: string, options: SweepFolderOptions, io: CliIo): Promise<number> {
  const stop = stopOnRequest(io, 'step', () => undefined);
  try {
    for (;;) {
      const status = await readSweepStatus(folder);
      const queue = await queueLine(folder, status, options);
      const count = countOf(status);
      const ended = status.cancelled || count('open') + count('begun') + count('running') === 0;
      const last = !options.watch || ended;
      // One document, as everywhere: the last one.
      if (options.json) {
        if (last) io.out(jsonLine({ folder, ...status }));
      } else io.out(`${[...describeStatus(folder, status), ...queue].join('\n')}\n`);
      if (last) return 0;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, watchEvery);
        stop.signal.addEventListener('abort', () => (clearTimeout(timer), resolve(undefined)), { once: true });
      });
      if (stop.signal.aborted) return stop.exitCode();
      if (!options.json) io.out('\n');
    }
  } finally {
    stop.end();
  }
}

/** `tfjs-peft sweep collect`: results and report of what is there. Exit code 1 where results are missing. */
export async function sweepCollect(folder: string, options: ReportOptions, io: CliIo): Promise<number> {
  await collectSweep(folder);
  return showReport(folder, options, io);
}

/** `tfjs-peft sweep copy`. */
export async function sweepCopy(
  folder: string,
  output: string,
  options: SweepFolderOptions,
  io: CliIo,
): Promise<number> {
  const copied = await copyRecords(folder, output);
  if (options.json) io.out(jsonLine({ folder, output, ...copied }));
  else io.out(`Copied the records of ${copied.trials} finished trials to ${output} (${formatBytes(copied.bytes)}).\n`);
  return 0;
}

/** `tfjs-peft sweep cancel`. */
export async function sweepCancel(folder: string, options: SweepFolderOptions, io: CliIo): Promise<number> {
  const { record } = await readSweepStatus(folder);
  await markCancelled(folder);
  if (record?.engine === 'bullmq') {
    const queue = await openSweepQueue(folder, options.redis);
    try {
      await queue.cancel();
    } finally {
      await queue.close();
    }
  }
  // Jobs that have ended are no error; a machine without Slurm cannot ask.
  for (const job of record?.jobs ?? [])
    try {
      execFileSync('scancel', [job], { stdio: 'ignore' });
    } catch {
      io.err(`scancel ${job} did not work here; its tasks stop by themselves.\n`);
    }
  if (record?.engine === 'kubernetes')
    io.err(`kubectl delete job -l app.kubernetes.io/instance=tfjs-peft-${record.id} frees what Kubernetes holds.\n`);
  if (options.json) io.out(jsonLine({ folder, cancelled: true }));
  else io.out(`Cancelled: workers stop after their step. To go on: ${shellCommand(['sweep', 'start', folder])}\n`);
  return 0;
}

const countOf =
  ({ trials }: Pick<SweepStatus, 'trials'>) =>
  (state: TrialState) =>
    trials.filter((trial) => trial.state === state).length;

/** A table of states by cell, then what failed and why. */
function describeStatus(folder: string, status: SweepStatus): string[] {
  const { trials, undecided, cancelled, record } = status;
  const cells = [...new Set(trials.map(({ cell }) => cell))];
  const row = (name: string, own: SweepStatus['trials']) => [
    name,
    ...trialStates.map((state) => String(countOf({ trials: own })(state))),
  ];
  const done = trials.filter(({ state }) => state === 'done');
  const mean = done.reduce((sum, { seconds = 0 }) => sum + seconds, 0) / Math.max(1, done.length);
  const left = trials.length - done.length;
  const wrong = trials.filter(({ state }) => state === 'failed' || state === 'damaged');
  return [
    ...alignedTable({
      title: `${folder}${record ? `, ${record.engine}` : ''}${cancelled ? ', cancelled' : ''}`,
      columns: ['cell', ...trialStates],
      rows: [
        ...cells.map((cell) =>
          row(
            cell,
            trials.filter((trial) => trial.cell === cell),
          ),
        ),
        ...(cells.length > 1 ? [row('all', trials)] : []),
      ],
    }),
    ...(done.length > 0 && left > 0
      ? [
          `A trial took ${formatSeconds(mean)}; the ${left} that are left take about ${formatSeconds(mean * left)} of one process.`,
        ]
      : []),
    ...(undecided > 0
      ? [`${undecided} cells get their trials once settings are chosen: ${shellCommand(['sweep', 'start', folder])}`]
      : []),
    ...trials.flatMap(({ folder: path, writer }) => (writer ? [`running ${path}: ${writer}`] : [])),
    ...wrong
      .slice(0, mostFailures)
      .map(({ folder: path, state, error }) => oneSafeLine(`${state} ${path}: ${error?.message ?? ''}`, 400)),
    ...(wrong.length > mostFailures ? [`and ${wrong.length - mostFailures} more`] : []),
  ];
}

/** What the queue holds; in a line what is wrong with it: the folder says where the sweep stands without it. */
async function queueLine(
  folder: string,
  { record }: SweepStatus,
  { redis, json }: SweepFolderOptions,
): Promise<string[]> {
  if (record?.engine !== 'bullmq' || json) return [];
  try {
    const queue = await openSweepQueue(folder, redis);
    try {
      const { waiting, active } = await queue.counts();
      return [`queue at ${record.redis}: ${waiting} wait, ${active} are taken`];
    } finally {
      await queue.close();
    }
  } catch (error) {
    return [oneSafeLine(error instanceof Error ? error.message : String(error), 400)];
  }
}
