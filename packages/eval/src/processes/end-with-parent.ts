import { Worker } from 'node:worker_threads';

/** Runs beside the event loop, which a hung process does not return to. */
const watch = `
const { workerData: parent } = require('node:worker_threads');
setInterval(() => process.ppid !== parent && process.kill(process.pid, 'SIGKILL'), 200);
`;

/**
 * Ends this process as soon as `parent` is gone, also where that was killed and where this process hangs: nobody waits for its results any
 * more, and the next run of the same folder would meet it. What it has written is whole at any moment.
 */
export function endWithParent(parent: number): void {
  const thread = new Worker(watch, { eval: true, workerData: parent, execArgv: [], stdout: false, stderr: false });
  thread.unref();
  // Systems that keep the number of a parent that is gone close the channel to it at least.
  process.once('disconnect', () => process.exit());
}
