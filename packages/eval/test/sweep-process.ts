/** A worker of a sweep in a process of its own, as JSON lines: what `sweep-services.spec.ts` kills. */
import type { BackendChoice } from '@tfjs-peft/backend';
import { openSweepQueue, runSweepWorker } from '@tfjs-peft/eval/sweep';

const [folder, backend, shard] = process.argv.slice(2);
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const queue = shard === undefined ? await openSweepQueue(folder!, undefined) : undefined;
const [index, of] = (shard ?? '').split('/').map(Number);
try {
  await runSweepWorker({
    folder: folder!,
    source: queue ? { queue } : { shard: { index: index!, of: of! } },
    backend: backend as BackendChoice,
    onEvent(event) {
      if (event.type === 'trial-start') tell({ started: event.trial.folder });
      if (event.type === 'trial-end' && !event.reused) tell({ ended: event.trial.folder });
      if (event.type === 'warning') tell({ warning: event.text });
    },
  });
} finally {
  await queue?.close();
}
