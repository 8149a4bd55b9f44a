import { execFileSync } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { selectBackend } from '@tfjs-peft/backend';
import { recordSweep, runSweepHere, startSweep, type SweepEngine } from '@tfjs-peft/eval/sweep';
import { PeftError } from '@tfjs-peft/peft-core';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { bin } from '../version.js';
import {
  defaultJobs,
  type ExecutionOptions,
  limitsOf,
  pluginArguments,
  shellCommand,
  shortPath,
} from './execute-experiment.js';
import { showReport } from './report.js';
import { withProgress } from './with-progress.js';

export interface SweepStartOptions extends ExecutionOptions {
  readonly engine: 'local' | 'bullmq' | 'slurm' | 'kubernetes';
  readonly redis?: string;
  readonly tasks?: number;
  readonly atOnce?: number;
  readonly sbatch: readonly string[];
  readonly submit?: boolean;
  readonly image?: string;
  readonly claim?: string;
  readonly mount?: string;
}

/** `tfjs-peft sweep start`; `again` are the arguments that repeat it. */
export async function sweepStart(
  folder: string,
  options: SweepStartOptions,
  again: readonly string[],
  io: CliIo,
): Promise<number> {
  refuseUnused(options, again);
  if (options.engine === 'local') return startHere(folder, options, again, io);
  const engine = engineOf(folder, options);
  const { status, open, submitted, file } = await startSweep(folder, engine, { plugins: options.plugin });
  const job = options.submit && file !== undefined && open > 0 ? await submit(folder, file) : undefined;
  const done = status.trials.filter(({ state }) => state === 'done').length;
  if (options.json) io.out(jsonLine({ folder, done, open, submitted, file, job }));
  else {
    const more = status.undecided > 0 ? `; ${status.undecided} cells get theirs once settings are chosen` : '';
    io.out(`${done} of ${status.trials.length} trials are done, ${open} are open${more}.\n`);
    io.out(nextLine({ folder, options, open, submitted, file, job }));
  }
  return 0;
}

/** What each engine is told by options of its own. */
const optionsOf: Readonly<Record<SweepStartOptions['engine'], readonly string[]>> = {
  local: [],
  bullmq: ['redis'],
  slurm: ['tasks', 'at-once', 'sbatch', 'submit'],
  kubernetes: ['tasks', 'at-once', 'image', 'claim', 'mount'],
};

/** Errors: `USAGE` for an option of another engine; an address of Redis in the environment is none. */
function refuseUnused({ engine }: SweepStartOptions, typed: readonly string[]): void {
  const others = new Set(Object.values(optionsOf).flat());
  const unused = [...others].find(
    (name) =>
      !optionsOf[engine].includes(name) && typed.some((one) => one === `--${name}` || one.startsWith(`--${name}=`)),
  );
  if (unused === undefined) return;
  const engines = Object.entries(optionsOf).flatMap(([other, names]) => (names.includes(unused) ? [other] : []));
  throw new PeftError('USAGE', {
    found: `--${unused} with --engine ${engine}, which does not use it`,
    expected: `--engine ${engines.join(' or ')}`,
    fix: 'name the engine that is meant, or leave the option out',
  });
}

async function startHere(
  folder: string,
  options: SweepStartOptions,
  again: readonly string[],
  io: CliIo,
): Promise<number> {
  const { backend, ...report } = await selectBackend({ backend: options.backend });
  const interrupted = await withProgress(
    ({ progress, signal }) =>
      runSweepHere(folder, {
        backend,
        jobs: options.jobs ?? defaultJobs({ backend, ...report }),
        ...(options.plugin && { plugins: options.plugin }),
        ...limitsOf(options),
        onEvent: progress.onEvent,
        signal,
      }),
    { ...options, again: shellCommand(again) },
    io,
  );
  return interrupted ?? showReport(folder, options, io);
}

function engineOf(folder: string, options: SweepStartOptions): SweepEngine {
  const need = (name: 'redis' | 'image' | 'claim'): string => {
    const value = options[name];
    if (value !== undefined) return value;
    throw new PeftError('USAGE', { found: `--engine ${options.engine} without --${name}`, fix: `give --${name}` });
  };
  const { tasks, atOnce } = options;
  const shares = { ...(tasks !== undefined && { tasks }), ...(atOnce !== undefined && { atOnce }) };
  switch (options.engine) {
    case 'slurm':
      return {
        kind: 'slurm',
        ...shares,
        program: [process.execPath, bin],
        workerArguments: workerArguments(options),
        options: options.sbatch,
      };
    case 'kubernetes': {
      const mount = options.mount ?? dirname(resolve(folder));
      return {
        kind: 'kubernetes',
        ...shares,
        image: need('image'),
        claim: need('claim'),
        mount,
        workerArguments: workerArguments(options),
      };
    }
    default:
      return { kind: 'bullmq', redis: need('redis') };
  }
}

/** What a worker is told that runs as this command would. */
const workerArguments = (options: SweepStartOptions): string[] => [
  ...(options.backend === 'auto' ? [] : ['--backend', options.backend]),
  ...Object.entries({ jobs: options.jobs, 'hang-limit': options.hangLimit, 'time-limit': options.timeLimit }).flatMap(
    ([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]),
  ),
  ...pluginArguments(options.plugin?.map((module) => (module.startsWith('.') ? resolve(module) : module))),
];

/** Calls sbatch and notes the number of the job. Errors: `SBATCH_FAILED`. */
async function submit(folder: string, script: string): Promise<string> {
  let output: string;
  try {
    output = execFileSync('sbatch', ['--parsable', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    throw new PeftError('SBATCH_FAILED', {
      found: `sbatch did not take "${script}": ${cause instanceof Error ? cause.message.replaceAll('\n', ' ') : String(cause)}`,
      fix: 'look at the script, give what the cluster asks for with --sbatch, or call sbatch yourself',
      cause,
    });
  }
  const job = /^\d+/.exec(output)![0];
  await recordSweep(folder, { engine: 'slurm', jobs: [job] });
  return job;
}

interface Started {
  readonly folder: string;
  readonly options: SweepStartOptions;
  readonly open: number;
  readonly submitted?: number;
  readonly file?: string;
  readonly job?: string;
}

function nextLine({ folder, options, open, submitted, file, job }: Started): string {
  if (open === 0) return `To collect them: ${shellCommand(['sweep', 'collect', folder])}\n`;
  const look = `To look at them: ${shellCommand(['sweep', 'status', folder])}\n`;
  if (options.engine === 'bullmq')
    return `${submitted} were handed to the queue${submitted === open ? '' : '; the others wait there already'}.\nOn each machine that sees the folder: ${shellCommand(['sweep', 'worker', folder, ...workerArguments(options)])} --redis ...\n${look}`;
  if (job !== undefined) return `Slurm has them as job ${job}.\n${look}`;
  return `To run them: ${options.engine === 'slurm' ? 'sbatch' : 'kubectl create -f'} ${shortPath(file!)}\n${look}`;
}
