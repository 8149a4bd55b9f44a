import { importPlugins } from '../methods/load-plugins.js';
import { createCatalogue } from '../methods/plugins.js';
import { createLocalRunner } from './local-runner.js';
import { toPlainError } from '../processes/plain-error.js';
import type { TrialRunner } from './run-trials.js';
import type { WorkerReply, WorkerRequest } from './worker-messages.js';

/** Runs trials for the parent of this process, which alone decides when to stop. Imported for what it does. */
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
      return reply({ type: 'done', summary: await runner!.run(request.planned) });
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
setInterval(() => reply({ type: 'alive' }), 1000).unref();
