import { endWithParent } from './end-with-parent.js';

/** First of all in a child process, before anything heavy is loaded: a parent may be gone before. */
export function beginWorker(): void {
  // Ctrl-C, and the SIGTERM of timeout, systemd or Slurm, reach the whole process group; the parent decides what they mean here.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  // Warnings of libraries that nobody reads any more must not end the work.
  process.stderr.on('error', () => undefined);
  endWithParent(Number(process.argv[2]));
}
