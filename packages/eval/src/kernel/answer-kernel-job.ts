import { selectBackend } from '@tfjs-peft/backend';
import { importPlugins } from '../methods/load-plugins.js';
import { createCatalogue } from '../methods/plugins.js';
import { toPlainError } from '../processes/plain-error.js';
import { openSession } from '../trial/session.js';
import { computeKernelBlocks } from './compute-kernels.js';
import type { KernelReply, KernelRequest } from './prepare-kernels.js';

/** Computes blocks for the parent of this process, which ends it. Imported for what it does. */
// A parent that is gone does not listen; that is no error here.
const reply = (message: KernelReply) => void process.send?.(message, undefined, undefined, () => undefined);

async function compute({ config, modules, backend, options, share }: KernelRequest): Promise<void> {
  const catalogue = createCatalogue(await importPlugins(modules));
  await selectBackend({ backend });
  const session = await openSession(config, { catalogue, backend: {} });
  try {
    const onProgress = (progress: Extract<KernelReply, { type: 'progress' }>['progress']) =>
      reply({ type: 'progress', progress });
    await computeKernelBlocks({ ...options, session, onProgress }, share);
  } finally {
    session.dispose();
  }
}

process.once('message', (request: KernelRequest) => {
  compute(request).then(
    () => reply({ type: 'done' }),
    (error: unknown) => reply({ type: 'failed', error: toPlainError(error) }),
  );
});
