import type { BackendChoice } from '@tfjs-peft/backend';
import { type AdaptedTask, adaptStart } from '@tfjs-peft/eval';
import { createCatalogue, loadPlugins } from '@tfjs-peft/eval/methods';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { printable } from '@tfjs-peft/peft-core/authoring';
import type { CliIo } from '../cli-io.js';
import { jsonLine, oneSafeLine } from '../safe-output.js';
import { shellCommand } from './execute-experiment.js';
import { columnsOf, type TaskFileOptions } from './task-columns.js';

export interface AdaptCommandOptions extends TaskFileOptions {
  readonly task: string;
  readonly testFile?: string;
  readonly shots?: number;
  readonly steps: number;
  readonly learningRate?: number;
  readonly seed: number;
  readonly model?: string;
  readonly output: string;
  readonly backend: BackendChoice;
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `tfjs-peft adapt`: a prepared start learns a task; the adapter that comes out is one as any other. */
export async function adaptTask(prepared: string, options: AdaptCommandOptions, io: CliIo): Promise<number> {
  const stop = new AbortController();
  const unlisten = io.onStop(() => stop.abort());
  try {
    const catalogue = createCatalogue(await loadPlugins(options.plugin ?? [], process.cwd()));
    const adapted = await adaptStart({
      prepared,
      task: options.task,
      columns: columnsOf(options),
      output: options.output,
      shots: options.shots ?? null,
      ...(options.testFile !== undefined && { test: options.testFile }),
      steps: options.steps,
      ...(options.learningRate !== undefined && { learningRate: options.learningRate }),
      seed: options.seed,
      ...(options.model !== undefined && { model: options.model }),
      catalogue,
      backend: options.backend,
      onWarning: (text) => io.err(`warning: ${oneSafeLine(text)}\n`),
      ...(!options.quiet && { onStep: (step) => tellStep(io, step, options.steps) }),
      signal: stop.signal,
    }).catch((error: unknown) => {
      if (isPeftError(error) && ['ADAPTATION_ABORTED', 'PREDICTION_ABORTED'].includes(error.code))
        throw new PeftError('INTERRUPTED', { found: `the command was stopped: ${error.text.found}` });
      throw error;
    });
    io.out(options.json ? jsonLine(adapted) : formatAdapted(adapted));
    return 0;
  } finally {
    unlisten();
  }
}

function tellStep(io: CliIo, step: number, steps: number): void {
  if (step === steps || step % Math.max(1, Math.ceil(steps / 4)) === 0) io.err(`${step} of ${steps} steps\n`);
}

function formatAdapted({
  labels,
  shots,
  judged,
  before,
  after,
  steps,
  seconds,
  folder,
  architectures,
}: AdaptedTask): string {
  const shown = labels.slice(0, 6).map(printable).join(', ');
  return [
    `Learned ${shown}${labels.length > 6 ? ` and ${labels.length - 6} more labels` : ''} from ${shots} texts in ${steps} steps (${seconds.toFixed(1)} s).`,
    ...(before === null || after === null
      ? []
      : [`Accuracy on ${judged} other texts: ${before.toFixed(1)} % before, ${after.toFixed(1)} % after.`]),
    ...Object.entries(architectures).map(([name, operations]) => `Architecture of ${name}: ${operations.join(', ')}`),
    '',
    `  ${shellCommand(['predict', folder, 'A text of yours'])}`,
    '',
  ].join('\n');
}
