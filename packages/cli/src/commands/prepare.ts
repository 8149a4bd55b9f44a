import { join } from 'node:path';
import type { BackendChoice } from '@tfjs-peft/backend';
import { type PreparedRecord, type PrepareEvent, prepareStart } from '@tfjs-peft/eval';
import { createCatalogue, loadPlugins } from '@tfjs-peft/eval/methods';
import type { CliIo } from '../cli-io.js';
import { stopOnRequest } from '../progress/stop-on-request.js';
import { formatTimeLeft } from '../progress/format-time-left.js';
import { jsonLine, oneSafeLine } from '../safe-output.js';
import { shellCommand } from './execute-experiment.js';
import { columnsOf, type TaskFileOptions } from './task-columns.js';

export interface PrepareCommandOptions extends TaskFileOptions {
  readonly tasks: string;
  readonly heldOut: readonly string[];
  readonly method: string;
  readonly rule: PreparedRecord['rule'];
  readonly shots: number;
  readonly queries: number;
  readonly ways?: number;
  readonly sharedHead?: boolean;
  readonly innerSteps: number;
  readonly innerRate: number;
  readonly innerOptimiser: 'sgd' | 'adamw';
  readonly updates: number;
  readonly episodes: number;
  readonly learningRate?: number;
  readonly seed: number;
  readonly maxTokens: number;
  readonly model: string;
  readonly revision?: string;
  readonly output: string;
  readonly backend: BackendChoice;
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Without a terminal, a line at most so often. */
const lineEverySeconds = 4;

/** `tfjs-peft prepare`: a start from which new tasks are learned in a few steps. Ctrl-C saves; the same command goes on. */
export async function prepare(options: PrepareCommandOptions, io: CliIo): Promise<number> {
  const stop = stopOnRequest(io, 'update', (line) => io.err(`${line}\n`));
  try {
    const catalogue = createCatalogue(await loadPlugins(options.plugin ?? [], process.cwd()));
    const { innerSteps, innerRate, innerOptimiser, output } = options;
    const record = await prepareStart({
      tasks: options.tasks,
      heldOut: options.heldOut.filter((name) => name !== 'none'),
      columns: columnsOf(options),
      output,
      method: options.method,
      rule: options.rule,
      model: {
        name: options.model,
        readout: null,
        dropout: null,
        ...(options.revision !== undefined && { revision: options.revision }),
      },
      shots: options.shots,
      queries: options.queries,
      ways: options.ways ?? null,
      sharedHead: options.sharedHead ?? false,
      inner: { optimiser: innerOptimiser, learningRate: innerRate, steps: innerSteps },
      updates: options.updates,
      episodes: options.episodes,
      ...(options.learningRate !== undefined && { learningRate: options.learningRate }),
      seed: options.seed,
      maxTokens: options.maxTokens,
      catalogue,
      backend: options.backend,
      onEvent: tellProgress(io, options.quiet ?? false),
      signal: stop.signal,
    });
    io.out(options.json ? jsonLine({ folder: output, ...record }) : formatRecord(record, output));
    return 0;
  } finally {
    stop.end();
  }
}

function tellProgress(io: CliIo, quiet: boolean): (event: PrepareEvent) => void {
  let last = -Infinity;
  return (event) => {
    if (event.type === 'warning') io.err(`warning: ${oneSafeLine(event.text)}\n`);
    if (quiet) return;
    if (event.type === 'phase') io.err(`${oneSafeLine(event.text)}\n`);
    if (event.type === 'start') {
      const { resumedFrom, counts, steps } = event;
      io.err(
        `${counts.trainable} numbers, ${steps} updates${resumedFrom === null ? '' : `, going on after update ${resumedFrom}`}\n`,
      );
    }
    if (event.type !== 'step') return;
    const seconds = performance.now() / 1000;
    const final = event.step === event.steps;
    if (!final && seconds - last < lineEverySeconds) return;
    last = seconds;
    const left = final ? '' : `, ${formatTimeLeft(event.etaSeconds)}`;
    io.err(`${event.step} of ${event.steps} updates, loss after adapting ${event.loss.toFixed(3)}${left}\n`);
  };
}

function formatRecord({ curve, tasks, shots, rule }: PreparedRecord, output: string): string {
  const judged =
    tasks.heldOut.length > 0 ? `${tasks.heldOut.length} held-out tasks` : 'new episodes of the tasks it learned from';
  const cell = (value: number | null, digits: number, width: number) =>
    (value === null ? 'diverged' : value.toFixed(digits)).padStart(width);
  const rows = curve.map(({ steps, accuracy, unpreparedAccuracy, loss, unpreparedLoss }) =>
    [
      String(steps).padStart(5),
      cell(accuracy, 1, 8),
      cell(unpreparedAccuracy, 1, 10),
      cell(loss, 3, 13),
      cell(unpreparedLoss, 3, 15),
    ].join('  '),
  );
  return [
    `Prepared by ${rule} on ${tasks.seen.length} tasks; judged on ${judged}, ${shots} texts of each class to learn from:`,
    '',
    'steps  prepared  unprepared  loss prepared  loss unprepared',
    ...rows,
    '',
    'Learn a task of your own from it:',
    `  ${shellCommand(['adapt', output, '--task', 'new.csv', '--shots', String(shots), '--output', join(output, 'adapter')])}`,
    '',
  ].join('\n');
}
