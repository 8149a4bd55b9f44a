import type { ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';
import type { BackendChoice } from '@tfjs-peft/backend';
import { PeftError } from '@tfjs-peft/peft-core';
import type { TrialSummary } from '../records/trial-summary.js';
import type { RunnerSetup } from './local-runner.js';
import { fromPlainError } from '../processes/plain-error.js';
import { startWorker } from '../processes/start-worker.js';
import type { TrialRunner } from './run-trials.js';
import type { WorkerReply, WorkerRequest } from './worker-messages.js';

export interface ProcessSetup extends RunnerSetup {
  readonly backend: BackendChoice;
  /** Of the experiment or sweep, for messages. */
  readonly folder: string;
  /** A process without a sign of life for so many seconds is hung. */
  readonly hangLimit: number;
  /** Seconds that one trial may take. */
  readonly timeLimit?: number;
}

/** Seconds that a process gets to finish its step and save after a request to stop; more where its steps were seen to take longer. */
const stopLimit = 20;
/** Seconds without a sign of life that starting up may take at least: loading modules and a host on a busy machine. */
const startLimit = 60;
/** How a process ends that was asked to from outside. */
const requests: readonly (string | null)[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Child processes that run trials side by side. A process and not a thread each: TensorFlow.js keeps its backend per process, and a crash
 * must not take the other trials with it. Errors: whatever opening the session gives in the first one.
 */
export async function createProcessRunners(setup: ProcessSetup, count: number): Promise<TrialRunner[]> {
  const runners = Array.from({ length: count }, (_, index) => createProcessRunner(setup, count, index === 0));
  try {
    await Promise.all(runners.map((runner) => runner.start()));
    return runners;
  } catch (error) {
    await Promise.all(runners.map((runner) => runner.close()));
    throw error;
  }
}

/** One such process, of `count`; `speaks`: it reports also what all of them do. */
export function createProcessRunner(
  setup: ProcessSetup,
  count: number,
  speaks: boolean,
): TrialRunner & { start(): Promise<void> } {
  const { config, folder, modules, resume, backend, hangLimit, timeLimit = Infinity, onEvent, signal } = setup;
  let child: ChildProcess | undefined;
  const abort = () => void (child?.connected && child.send({ type: 'abort' } satisfies WorkerRequest));
  signal?.addEventListener('abort', abort);

  /** One request and its answer; a process that dies in between is an error of this request alone. */
  const request = (worker: ChildProcess, message: WorkerRequest, quiet: boolean): Promise<TrialSummary | undefined> =>
    new Promise((resolve, reject) => {
      // Seconds by this process's own clock of ticks: while the machine sleeps neither side counts.
      let silent = 0;
      // The longest silence that ended: a process that never speaks again is no slow one.
      let longest = 0;
      let stopping = 0;
      let taken = 0;
      const tick = () => {
        silent += 1;
        taken += 1;
        if (signal?.aborted) stopping += 1;
        const limit = message.type === 'open' ? Math.max(startLimit, hangLimit) : hangLimit;
        const reason =
          silent > limit
            ? hungError(limit)
            : message.type === 'run' && taken > timeLimit
              ? tooLongError(timeLimit)
              : stopping > Math.max(stopLimit, 2 * longest)
                ? interruptedError(folder)
                : undefined;
        if (!reason) return;
        // The next trial must not be given to a process that is about to end.
        child = undefined;
        worker.kill('SIGKILL');
        finish(() => reject(reason));
      };
      const timer = setInterval(tick, 1000);
      const finish = (act: () => void) => {
        clearInterval(timer);
        worker.off('message', onMessage).off('exit', onExit).off('error', onError);
        act();
      };
      const onMessage = (answer: WorkerReply) => {
        longest = Math.max(longest, silent);
        silent = 0;
        if (answer.type === 'alive') return;
        if (answer.type === 'event') {
          // What is the same in all processes (reading the task, loading the host) is reported once.
          if (!quiet || answer.event.type === 'warning') onEvent(answer.event);
        } else if (answer.type === 'failed') finish(() => reject(fromPlainError(answer.error)));
        else finish(() => resolve(answer.type === 'done' ? answer.summary : undefined));
      };
      const onExit = (code: number | null, how: string | null) =>
        finish(() => reject(signal?.aborted || requests.includes(how) ? interruptedError(folder) : crashed(code, how)));
      const onError = (error: Error) => finish(() => reject(error));
      worker.on('message', onMessage).on('exit', onExit).on('error', onError);
      worker.send(message, (error) => error && onError(error));
    });

  const open = async (quiet: boolean): Promise<ChildProcess> => {
    const started = startWorker(import.meta.url, 'run-trial-worker', threadsOf(count));
    child = started;
    await request(started, { type: 'open', config, modules, resume, backend }, quiet);
    if (signal?.aborted) abort();
    return started;
  };

  return {
    async start() {
      await open(!speaks);
    },
    async run(planned) {
      // After a crash the next trial gets a fresh process.
      const worker = child?.connected ? child : await open(true);
      return (await request(worker, { type: 'run', planned }, false))!;
    },
    async close() {
      signal?.removeEventListener('abort', abort);
      const closing = child;
      if (!closing || closing.exitCode !== null || closing.signalCode !== null) return;
      const ended = new Promise((resolve) => closing.once('exit', resolve));
      if (closing.connected) closing.send({ type: 'close' } satisfies WorkerRequest, () => undefined);
      const impatient = setTimeout(() => closing.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(impatient);
    },
  };
}

/** Several processes with as many threads each as there are processors only wait for each other. */
function threadsOf(count: number) {
  const threads = String(Math.max(1, Math.floor(cpus().length / count)));
  return { OMP_NUM_THREADS: threads, TF_NUM_INTRAOP_THREADS: threads, TF_NUM_INTEROP_THREADS: '1' };
}

const hungError = (seconds: number) =>
  new PeftError('TRIAL_HUNG', {
    found: `the process of the trial gave no sign of life for ${seconds} seconds and was ended`,
    fix: 'run it again with --resume; if its steps really take that long, raise --hang-limit',
  });

const tooLongError = (seconds: number) =>
  new PeftError('TRIAL_TOO_LONG', {
    found: `the trial took more than ${seconds} seconds and was ended`,
    expected: 'trials within the limit that was given',
    fix: 'run it again with --resume and a larger --time-limit: it goes on from its last checkpoint',
  });

const interruptedError = (folder: string) =>
  new PeftError('INTERRUPTED', {
    found: `stopped on request at "${folder}"; its last checkpoint and all finished trials are kept`,
    fix: 'run the same again with --resume',
  });

const crashed = (code: number | null, signal: string | null) =>
  new PeftError('TRIAL_PROCESS_CRASHED', {
    found: `the process of the trial ended ${signal === null ? `with exit code ${code}` : `by signal ${signal}`}`,
    fix: 'look at its last lines above; if memory ran out, run with --jobs 1 or a smaller batchSize',
  });
