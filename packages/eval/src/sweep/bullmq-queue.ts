import { PeftError } from '@tfjs-peft/peft-core';
import type { QueueWork, TrialQueue } from './trial-queue.js';

/** How a queue on Redis is opened. */
export interface BullmqOptions {
  /** `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Of the sweep. */
  readonly id: string;
  /** Seconds that Redis may be away before a worker gives up. Default 600. */
  readonly patience?: number;
}

/** Milliseconds that a worker need not renew its claim on a trial: one that is killed loses it after so long. */
const claim = 10_000;
/** Milliseconds after which a trial that somebody else has is looked at again. */
const lookAgain = 5000;
/** Milliseconds between two looks whether anything is left. */
const pause = 500;
/** Attempts that a trial gets whose process crashes or hangs, and workers that may be lost with it. */
const attempts = 3;
const unfinished = ['waiting', 'active', 'delayed', 'prioritized'] as const;

/**
 * The queue of a sweep on Redis, by BullMQ. Both packages of the user's own, loaded here: who never uses them installs neither. Errors:
 * `SWEEP_ENGINE_MISSING`, `REDIS_URL_INVALID`, `REDIS_UNREACHABLE`.
 */
export async function openBullmqQueue({ url, id, patience = 600 }: BullmqOptions): Promise<TrialQueue> {
  const shown = withoutPassword(url);
  const { bullmq, Redis } = await loadPackages();
  await probe(Redis, url, shown);
  const unreachable = (cause?: unknown) => unreachableError(shown, cause);
  const name = `tfjs-peft-${id}`;
  // Commands of a queue end in an error after a few tries; a worker waits for as long as it takes.
  const connect = (most: number | null) => {
    const connection = new Redis(url, {
      maxRetriesPerRequest: most,
      retryStrategy: (times) => Math.min(100 * times, 2000),
    });
    connection.on('error', () => undefined);
    return connection;
  };
  const connections = [connect(2)];
  const queue = new bullmq.Queue(name, { connection: connections[0]! });
  queue.on('error', () => undefined);
  const asking = <T>(answer: Promise<T>): Promise<T> =>
    answer.catch((cause: unknown) => {
      throw unreachable(cause);
    });
  const counts = async () => {
    const found = await asking(queue.getJobCounts(...unfinished));
    const { active = 0, ...others } = found;
    return { active, waiting: Object.values(others).reduce((sum, count) => sum + count, 0) };
  };

  return {
    counts,
    async submit(folders) {
      let added = 0;
      for (const folder of folders) {
        const jobId = folder.replaceAll('/', '.');
        const known = await asking(queue.getJob(jobId));
        // What ended is handed in again: that its result is not in the folder, or failed, is why it comes.
        if (known && !(await asking(known.isCompleted())) && !(await asking(known.isFailed()))) continue;
        if (known) await asking(known.remove());
        await asking(
          queue.add(
            'trial',
            { folder },
            { jobId, attempts, backoff: { type: 'fixed', delay: 1000 }, removeOnComplete: true },
          ),
        );
        added += 1;
      }
      return added;
    },
    async cancel() {
      await asking(queue.drain(true));
    },
    async work(work) {
      const connection = connect(null);
      connections.push(connection);
      const away = watchConnection(connection, work.onEvent, shown);
      let stopped: { readonly error: unknown } | undefined;
      const worker = new bullmq.Worker<{ readonly folder: string }>(
        name,
        async (job, token) => {
          const giveBack = async () => {
            await job.moveToWait(token);
            throw new bullmq.WaitingError();
          };
          if (stopped || work.signal.aborted) return giveBack();
          const lastAttempt = job.attemptsMade + 1 >= attempts;
          const outcome = await work.run(job.data.folder, lastAttempt).catch((error: unknown) => {
            stopped ??= { error };
            return 'stopped' as const;
          });
          if (outcome === 'stopped') return giveBack();
          if (outcome === 'crashed') throw new Error('the process of the trial ended');
          if (outcome === 'busy') {
            await job.moveToDelayed(Date.now() + lookAgain, token);
            throw new bullmq.DelayedError();
          }
        },
        {
          connection,
          concurrency: work.concurrency,
          lockDuration: claim,
          stalledInterval: claim / 2,
          maxStalledCount: attempts,
          drainDelay: 1,
        },
      );
      worker.on('error', () => undefined);
      try {
        for (;;) {
          if (stopped || work.signal.aborted) break;
          if (away.seconds() > patience) throw unreachable();
          const left = away.seconds() > 0 ? null : await counts().catch(() => null);
          if (left && left.waiting === 0 && left.active === 0) break;
          await new Promise((resolve) => setTimeout(resolve, pause));
        }
      } finally {
        away.end();
        // Without Redis there is nobody to tell that this worker ends.
        await (away.seconds() > 0 ? Promise.race([worker.close(), later(5000)]) : worker.close());
        connection.disconnect();
      }
      if (stopped) throw stopped.error;
      if (work.signal.aborted) throw interrupted();
    },
    async close() {
      await Promise.race([queue.close().catch(() => undefined), later(2000)]);
      for (const connection of connections) connection.disconnect();
    },
  };
}

const later = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds).unref());

async function loadPackages() {
  try {
    const [bullmq, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullmq, Redis };
  } catch (cause) {
    throw new PeftError('SWEEP_ENGINE_MISSING', {
      found: 'the packages bullmq and ioredis are not installed',
      expected: 'both, for sweeps over Redis',
      fix: 'npm install bullmq@6 ioredis@6, or use another engine',
      cause,
    });
  }
}

/** One connection and one answer, before any work. */
async function probe(Redis: Awaited<ReturnType<typeof loadPackages>>['Redis'], url: string, shown: string) {
  const connection = new Redis(url, { lazyConnect: true, connectTimeout: 5000, retryStrategy: () => null });
  connection.on('error', () => undefined);
  try {
    await connection.connect();
    await connection.ping();
  } catch (cause) {
    throw unreachableError(shown, cause);
  } finally {
    connection.disconnect();
  }
}

/** How long Redis is away; says so, once each time, until `end`. */
function watchConnection(
  connection: { on(event: 'close' | 'ready', listener: () => void): unknown },
  onEvent: QueueWork['onEvent'],
  shown: string,
) {
  let since: number | undefined;
  let ended = false;
  connection.on('close', () => {
    if (since !== undefined || ended) return;
    since = performance.now();
    onEvent({ type: 'warning', text: `Redis at ${shown} is away: trials that run go on, new ones wait for it` });
  });
  connection.on('ready', () => {
    if (since !== undefined) onEvent({ type: 'warning', text: `Redis at ${shown} is back` });
    since = undefined;
  });
  return {
    seconds: () => (since === undefined ? 0 : (performance.now() - since) / 1000),
    end: () => void (ended = true),
  };
}

/** What may be shown and stored of a URL. Errors: `REDIS_URL_INVALID`. */
export function withoutPassword(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !['redis:', 'rediss:'].includes(parsed.protocol) || parsed.hostname === '' || parsed.search !== '')
    throw new PeftError('REDIS_URL_INVALID', {
      found: parsed?.search ? 'an address of Redis with settings after a ?' : 'an address of Redis that is none',
      expected: 'redis://host:6379, with rediss:// for TLS and user:password@ where it asks for them',
      fix: 'check --redis or the variable REDIS_URL',
    });
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}

const unreachableError = (shown: string, cause?: unknown) =>
  new PeftError('REDIS_UNREACHABLE', {
    found: `no answer from Redis at ${shown}${cause instanceof Error && cause.message !== '' ? ` (${cause.message})` : ''}`,
    expected: 'a Redis that this machine reaches',
    fix: 'start it or check --redis; finished trials are kept, and `tfjs-peft sweep start` hands in what is left',
    cause,
  });

const interrupted = () =>
  new PeftError('INTERRUPTED', {
    found: 'this worker was asked to stop; its trials are back in the queue',
    fix: 'start a worker again',
  });
