// One worker process: reads batches of inputs as it is told and reports what it finds. It may hang and die; `fuzz.ts` watches it.
import { setImmediate } from 'node:timers/promises';
import { changeFiles } from './change-files.js';
import { judgeError, signatureOf, type Verdict } from './judge.js';
import { openProgress, type Progress } from './progress.js';
import type { Batch, Limits, WorkerMessage } from './protocol.js';
import { createRandom } from './random.js';
import type { Files, OpenReader } from './reader.js';
import { readers } from './readers/index.js';
import { plantedReaders } from './readers/planted.js';

const say = (message: WorkerMessage) => process.send?.(message);
let current: { readonly batch: Batch; readonly index: number } | undefined;

const report = (verdict: Verdict) => {
  if (!current) return;
  const { batch, index } = current;
  const message = verdict.message.slice(0, 2000);
  say({
    type: 'finding',
    finding: { reader: batch.reader, index, kind: verdict.kind, message, signature: signatureOf(verdict) },
  });
};
process.on('unhandledRejection', (reason) =>
  report({ kind: 'unhandled', message: reason instanceof Error ? (reason.stack ?? '') : String(reason) }),
);
process.on('disconnect', () => process.exit());

/** Warnings of libraries are no findings, and nobody reads them. */
for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) console[method] = () => {};

const peakBytes = () => process.resourceUsage().maxRSS * 1024;
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Milliseconds that an input takes, on the clock or the processor: whichever says less. */
async function timeOf(read: () => Promise<void>): Promise<number> {
  const [startCpu, start] = [cpuMs(), performance.now()];
  await read();
  return Math.min(performance.now() - start, cpuMs() - startCpu);
}

async function readOne(
  reader: OpenReader,
  makeFiles: () => Files,
  limits: Limits,
  progress: Progress,
): Promise<Verdict | null> {
  const [startPeak, startBytes] = [peakBytes(), process.memoryUsage.rss()];
  let verdict: Verdict | null = null;
  const time = await timeOf(async () => {
    try {
      await reader.read(makeFiles());
      progress.values++;
    } catch (error) {
      verdict = judgeError(error, limits.messageLength);
      if (!verdict) progress.errors++;
    }
  });
  // Below a peak of earlier inputs growth does not show in the peak, and what is freed at once does not show in the end.
  const grown = Math.max(peakBytes() - startPeak, process.memoryUsage.rss() - startBytes);
  if (Object.keys(Object.prototype).length > 0) {
    const keys = Object.keys(Object.prototype);
    for (const key of keys) delete (Object.prototype as Record<string, unknown>)[key];
    return { kind: 'pollution', message: `Object.prototype has ${keys.join(', ')}` };
  }
  if (verdict) return verdict;
  // Memory takes time to fill, so that it comes first.
  if (grown > limits.bytes) return { kind: 'memory', message: `more than ${limits.bytes / 2 ** 20} MiB` };
  // A machine that is busy, or a full heap, slows any input once. What is slow is slow each time.
  let least = time;
  for (let again = 0; again < 2 && least > limits.cpuMs; again++)
    least = Math.min(
      least,
      await timeOf(async () => {
        try {
          await reader.read(makeFiles());
        } catch {
          // Judged above.
        }
      }),
    );
  if (least > progress.slowestMs) [progress.slowestMs, progress.slowestIndex] = [least, progress.index];
  return least > limits.cpuMs ? { kind: 'slow', message: `more than ${limits.cpuMs} ms of processor time` } : null;
}

const opened = new Map<string, OpenReader>();

async function open(name: string, shared: string): Promise<OpenReader> {
  const known = opened.get(name);
  if (known) return known;
  const found = [...readers, ...plantedReaders].find((reader) => reader.name === name);
  if (!found) throw new Error(`no reader ${name}`);
  const reader = await found.open(shared);
  // The first passes compile and warm caches: no input is to blame for that.
  for (const seed of reader.seeds) await reader.read(seed);
  opened.set(name, reader);
  return reader;
}

async function run(batch: Batch): Promise<void> {
  const reader = await open(batch.reader, batch.shared);
  say({ type: 'opened' });
  const file = openProgress(batch.progressFile);
  const progress: Progress = { index: batch.from, values: 0, errors: 0, slowestMs: 0, slowestIndex: -1 };
  let index = batch.from;
  for (; index < batch.to && Date.now() < batch.until; index++) {
    progress.index = index;
    current = { batch, index };
    file.write(progress);
    const makeFiles = () =>
      changeFiles(reader.seeds, createRandom(batch.seed, batch.reader, index), reader.words ?? []);
    const verdict = await readOne(reader, makeFiles, batch.limits, progress);
    if (verdict) {
      report(verdict);
      // Lets the message go out before the next input, which may hang.
      await setImmediate();
    } else if (index % 256 === 0) await setImmediate();
  }
  await setImmediate();
  progress.index = index;
  file.write(progress);
  file.close();
  say({ type: 'done', next: index });
}

process.on('message', (batch: Batch) => {
  run(batch).catch((error: unknown) => {
    process.stderr.write(`${batch.reader}: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(70);
  });
});
say({ type: 'ready' });
