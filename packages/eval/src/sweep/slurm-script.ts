import { PeftError } from '@tfjs-peft/peft-core';
import { shellWord } from './shell-word.js';

/** An array job of Slurm. */
export interface SlurmOptions {
  /** Absolute path of the sweep. */
  readonly folder: string;
  readonly name: string;
  /** Tasks of the array; each runs its share of the trials, one after the other. */
  readonly tasks: number;
  /** Tasks that may run at a time; all if absent. */
  readonly atOnce?: number;
  /** What starts the command `tfjs-peft`, as words of a command line. */
  readonly program: readonly string[];
  /** Further arguments of the worker. */
  readonly workerArguments?: readonly string[];
  /** Further options of sbatch, such as `--time=4:00:00`. */
  readonly options?: readonly string[];
}

/**
 * The batch script: one task a share of the trials. A task that is put back (a lost node, a preemption) goes on from the checkpoints; the minute before
 * its time is up it is asked to save. Errors: `SLURM_OPTION_INVALID`.
 */
export function slurmScript(options: SlurmOptions): string {
  const { folder, name, tasks, atOnce, program, workerArguments = [], options: more = [] } = options;
  const wrong = more.find((option) => !/^--?[A-Za-z][\w-]*([= ][^\n\r]*)?$/.test(option));
  if (wrong !== undefined)
    throw new PeftError('SLURM_OPTION_INVALID', {
      found: `"${wrong.replaceAll(/\s/g, ' ')}" as an option of sbatch`,
      expected: 'one option in one line, such as --time=4:00:00',
    });
  const given = (flag: string) => more.some((option) => option.startsWith(flag));
  const lines = [
    `--job-name=${name}`,
    `--array=0-${tasks - 1}${atOnce === undefined ? '' : `%${atOnce}`}`,
    `--output="${folder.replaceAll('%', '%%')}/slurm/%A_%a.txt"`,
    '--requeue',
    ...(given('--signal') ? [] : ['--signal=B:TERM@60']),
    ...more,
  ];
  const command = [...program, 'sweep', 'worker', folder, ...workerArguments].map(shellWord).join(' ');
  return [
    '#!/bin/bash',
    '# Written by tfjs-peft sweep start; sbatch takes it as it is.',
    ...lines.map((line) => `#SBATCH ${line}`),
    `exec ${command} --shard "$SLURM_ARRAY_TASK_ID/${tasks}"`,
    '',
  ].join('\n');
}
