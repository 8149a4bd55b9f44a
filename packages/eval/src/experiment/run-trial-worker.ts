import { endWithParent } from './end-with-parent.js';

/** Entry of a child process. All that is heavy is loaded once this is in place: a parent may be gone before. */
// Ctrl-C, and the SIGTERM of timeout, systemd or Slurm, reach the whole process group; the parent passes them on as `abort`, so that
// checkpoints are written.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// Warnings of libraries that nobody reads any more must not end a trial.
process.stderr.on('error', () => undefined);
endWithParent(Number(process.argv[2]));
// Requests that come before somebody listens wait.
void import('./answer-requests.js');
