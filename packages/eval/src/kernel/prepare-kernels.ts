import type { BackendChoice } from '@tfjs-peft/backend';
import { PeftError } from '@tfjs-peft/peft-core';
import type { ExperimentConfig } from '../config/experiment-config.js';
import type { PluginModule } from '../methods/load-plugins.js';
import { fromPlainError, type PlainError } from '../processes/plain-error.js';
import { startWorker } from '../processes/start-worker.js';
import type { KernelShare } from './kernel-cache.js';
import type { KernelProgress, MeasureKernelsOptions } from './compute-kernels.js';

/** What child processes compute kernels of: plain JSON. */
export interface KernelJob {
  readonly config: ExperimentConfig;
  readonly modules: readonly PluginModule[];
  readonly backend: BackendChoice;
  readonly options: Omit<MeasureKernelsOptions, 'session' | 'onProgress' | 'signal'> & { readonly cache: string };
}

/** Sent to a process once. */
export type KernelRequest = KernelJob & { readonly share: KernelShare };

/** What a process answers; `done` and `failed` are the last. */
export type KernelReply =
  | { readonly type: 'progress'; readonly progress: KernelProgress }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: PlainError };

/**
 * Computes the blocks of all kernels of a measurement in as many processes, from where an earlier run stopped, and leaves them in the cache:
 * `measureKernels` with the same options then computes nothing. All processes have the same threads as this one, so that the bits do not depend on how
 * many there are. Progress is that of all together. Errors: those of `measureKernels`, `KERNEL_PROCESS_ENDED`.
 */
export async function prepareKernels(
  job: KernelJob,
  processes: number,
  onProgress: (progress: KernelProgress) => void = () => {},
): Promise<void> {
  const done = new Array<number>(processes).fill(0);
  const workers = done.map((_, index) => {
    const child = startWorker(import.meta.url, 'kernel-worker');
    const result = new Promise<void>((resolve, reject) => {
      child.on('message', (reply: KernelReply) => {
        if (reply.type === 'done') resolve();
        else if (reply.type === 'failed') reject(fromPlainError(reply.error));
        else {
          done[index] = reply.progress.ofAll;
          onProgress({ ...reply.progress, ofAll: done.reduce((sum, part) => sum + part, 0) / processes });
        }
      });
      child.once('exit', (code, how) => reject(ended(code, how)));
      child.once('error', reject);
      child.send(
        { ...job, share: { index, of: processes } } satisfies KernelRequest,
        (error) => error && reject(error),
      );
    });
    return { child, result };
  });
  try {
    await Promise.all(workers.map(({ result }) => result));
  } finally {
    workers.forEach(({ child }) => child.kill('SIGKILL'));
  }
}

const ended = (code: number | null, how: string | null) =>
  new PeftError('KERNEL_PROCESS_ENDED', {
    found: `a process that computes kernels ended ${how === null ? `with exit code ${code}` : `by signal ${how}`}`,
    fix: 'run it again, it goes on from the last block; if memory ran out, use fewer processes or a smaller limit',
  });
