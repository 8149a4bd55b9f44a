import { openSweepQueue, readSweepStatus, runSweepWorker, type Shard } from '@tfjs-peft/eval/sweep';
import { selectBackend } from '@tfjs-peft/backend';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { type ExecutionOptions, limitsOf, shellCommand } from './execute-experiment.js';
import { withProgress } from './with-progress.js';

export interface SweepWorkerOptions extends ExecutionOptions {
  readonly shard?: Shard;
  readonly redis?: string;
}

/** `tfjs-peft sweep worker`; `again` are the arguments that repeat it. Exit code 1 where one of its trials failed. */
export async function sweepWorker(
  folder: string,
  options: SweepWorkerOptions,
  again: readonly string[],
  io: CliIo,
): Promise<number> {
  const { backend } = await selectBackend({ backend: options.backend });
  const ended = { done: 0, failed: 0 };
  const interrupted = await withProgress(
    async ({ progress, signal }) => {
      const queue = options.shard ? undefined : await openSweepQueue(folder, options.redis);
      try {
        await runSweepWorker({
          folder,
          source: queue ? { queue } : { shard: options.shard! },
          backend,
          jobs: options.jobs ?? 1,
          ...(options.plugin && { plugins: options.plugin }),
          ...limitsOf(options),
          onEvent(event) {
            if (event.type === 'trial-end' && !event.reused) ended[event.summary.status] += 1;
            progress.onEvent(event);
          },
          signal,
        });
      } finally {
        await queue?.close();
      }
    },
    { ...options, again: shellCommand(again) },
    io,
  );
  if (interrupted !== undefined) return interrupted;
  const { trials } = await readSweepStatus(folder);
  const open = trials.filter(({ state }) => state !== 'done').length;
  if (options.json) io.out(jsonLine({ folder, ...ended, open }));
  else
    io.out(
      `This worker finished ${ended.done} trials, ${ended.failed} failed; ${open} of ${trials.length} are not done.\n`,
    );
  return ended.failed > 0 ? 1 : 0;
}
