import { importPlugins } from '../methods/load-plugins.js';
import { createCatalogue } from '../methods/plugins.js';
import { endWithParent } from './end-with-parent.js';
import { createLocalRunner } from './local-runner.js';
import { toPlainError, type TrialRunner } from './run-trials.js';
import type { WorkerReply, WorkerRequest } from './worker-messages.js';

/** Entry of a child process: runs trials for its parent, which alone decides when to stop. */
const stop = new AbortController();
let runner: TrialRunner | undefined;

/** A parent that is gone does not listen; that is no error here. */
const reply = (message: WorkerReply) => void process.send?.(message, undefined, undefined, () => undefined);

async function answer(request: WorkerRequest): Promise<void> {
  switch (request.type) {
    case 'open': {
      const catalogue = createCatalogue(await importPlugins(request.modules));
      const onEvent = (event: Extract<WorkerReply, { type: 'event' }>['event']) => reply({ type: 'event', event });
      runner = await createLocalRunner({ ...request, catalogue, onEvent, signal: stop.signal });
      return reply({ type: 'ready' });
    }
    case 'run':
      return reply({ type: 'done', summary: await runner!.run(request.trial, request.reference) });
    case 'abort':
      return stop.abort();
    case 'close':
      await runner?.close();
      return process.disconnect?.();
  }
}

process.on('message', (request: WorkerRequest) => {
  answer(request).catch((error: unknown) => reply({ type: 'failed', error: toPlainError(error) }));
});
// Ctrl-C, and the SIGTERM of timeout, systemd or Slurm, reach the whole process group; the parent passes them on as `abort`, so that
// checkpoints are written.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// Warnings of libraries that nobody reads any more must not end a trial.
process.stderr.on('error', () => undefined);
endWithParent(Number(process.argv[2]));
setInterval(() => reply({ type: 'alive' }), 1000).unref();
