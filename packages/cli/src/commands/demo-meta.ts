import { join } from 'node:path';
import type { BackendChoice } from '@tfjs-peft/backend';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { type TriedStart, tryStart } from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { minilmIntentsFiles } from '@tfjs-peft/minilm-intents';
import type { CliIo } from '../cli-io.js';
import { alignedTable } from '../progress/aligned-table.js';
import { formatTimeLeft } from '../progress/format-time-left.js';
import { jsonLine } from '../safe-output.js';
import { shellCommand, shortPath } from './execute-experiment.js';

export interface DemoMetaOptions {
  readonly backend: BackendChoice | 'current';
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Everything that decides how long the demo takes. */
export interface DemoMetaSize {
  /** Intent sets of the package. */
  readonly tasks: number;
  readonly shots: number;
  readonly queries: number;
  readonly at: readonly number[];
}

const wholeDemo: DemoMetaSize = { tasks: 3, shots: 4, queries: 6, at: [0, 1, 3, 5] };
const seed = 13;
/** Between lines of progress. */
const lineEverySeconds = 4;

/** `tfjs-peft demo --meta`: a prepared start and one that is not learn new intents from a few texts. */
export async function demoMeta({ backend, json, quiet = false }: DemoMetaOptions, io: CliIo, size = wholeDemo) {
  const { directory, tasks: names } = minilmIntentsFiles();
  const chosen = names.slice(0, size.tasks);
  const file = (name: string) => join(directory, 'new', `${name}.csv`);
  const stop = new AbortController();
  const unlisten = io.onStop(() => stop.abort());
  if (!quiet)
    io.err(
      `Learning intents of ${chosen.join(', ')} from ${size.shots} texts each, with a prepared adapter and with one that is not.\n`,
    );
  try {
    const tried = await tryStart({
      prepared: directory,
      tasks: chosen.map(file),
      columns: { textColumn: 'text', labelColumn: 'label' },
      ...{ shots: size.shots, queries: size.queries, at: size.at, seed, backend },
      catalogue: createCatalogue([]),
      ...(!quiet && { onProgress: tellProgress(io) }),
      signal: stop.signal,
    }).catch((error: unknown) => {
      if (isPeftError(error) && error.code === 'PREDICTION_ABORTED')
        throw new PeftError('INTERRUPTED', { found: 'the demo was stopped', cause: error });
      throw error;
    });
    const next = [
      shellCommand([
        'adapt',
        shortPath(directory),
        '--task',
        shortPath(file(names[0])),
        '--shots',
        '4',
        '--output',
        'runs/kitchen',
      ]),
      shellCommand(['predict', 'runs/kitchen', 'how long do i boil an egg']),
    ];
    io.out(json ? jsonLine(tried) : formatTried(tried, size, next));
    return 0;
  } finally {
    unlisten();
  }
}

function tellProgress(io: CliIo) {
  const started = performance.now();
  let last = started;
  return ({ done, total }: { readonly done: number; readonly total: number }) => {
    const now = performance.now();
    if (done === total || now - last < 1000 * lineEverySeconds) return;
    last = now;
    const left = ((now - started) / 1000 / done) * (total - done);
    io.err(`${done} of ${total} judgements, ${formatTimeLeft(left)}\n`);
  };
}

function formatTried(
  { tasks, trainable, prepared, unprepared, seconds }: TriedStart,
  size: DemoMetaSize,
  next: readonly string[],
): string {
  const rows = prepared.map(({ steps, accuracy, loss }, index) => {
    const other = unprepared[index]!;
    return [String(steps), accuracy.toFixed(1), other.accuracy.toFixed(1), loss.toFixed(2), other.loss.toFixed(2)];
  });
  const classes = tasks[0]!.classes;
  const last = prepared.at(-1)!;
  return [
    ...alignedTable({
      title: `Accuracy in per cent and loss on texts of ${tasks.map(({ name }) => name).join(', ')}, ${classes} intents each (chance: ${(100 / classes).toFixed(1)}):`,
      columns: ['steps', 'prepared', 'not prepared', 'loss prepared', 'loss not prepared'],
      rows,
    }),
    '',
    `Both begin with a new head and see the same ${size.shots} texts of each intent, at the same rate; they differ in the ${trainable} numbers they start from.`,
    `The prepared ones come from six other intent sets. After ${last.steps} steps: ${last.accuracy.toFixed(1)} % against ${unprepared.at(-1)!.accuracy.toFixed(1)} %. ${seconds.toFixed(0)} s in all.`,
    'Means over so few tasks are an example, not a study.',
    '',
    'Next:',
    ...next.map((line) => `  ${line}`),
    '',
  ].join('\n');
}
