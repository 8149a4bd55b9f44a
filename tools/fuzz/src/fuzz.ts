import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { changeFiles } from './change-files.js';
import { signatureOf } from './judge.js';
import { readProgress } from './progress.js';
import { type Batch, type Finding, type Limits, usualLimits, type WorkerMessage } from './protocol.js';
import { createRandom } from './random.js';
import type { Files } from './reader.js';
import { readers } from './readers/index.js';

export interface FuzzOptions {
  readonly readers: readonly string[];
  readonly seed: number;
  /** Time for all readers together; each gets the same part. */
  readonly seconds?: number;
  /** Inputs a reader, where no time is given. */
  readonly inputs?: number;
  readonly jobs: number;
  /** Where failing inputs go: `<reader>/<number>/`, with `finding.json`. */
  readonly folder?: string;
  readonly limits?: Partial<Limits>;
  /** A reader is given up after so many hangs and deaths, each of which costs a worker. */
  readonly maxDeaths?: number;
  readonly onReader?: (report: ReaderReport) => void;
}

export interface ReaderReport {
  readonly reader: string;
  readonly inputs: number;
  readonly errors: number;
  readonly values: number;
  readonly slowestMs: number;
  readonly slowestIndex: number;
  readonly hangs: number;
  /** By signature: the first finding of each, and how many there were. */
  readonly findings: readonly { readonly first: Finding; readonly count: number }[];
  readonly gaveUp: boolean;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const workerFile = fileURLToPath(new URL('fuzz-worker.ts', import.meta.url));

interface Worker {
  readonly child: ChildProcess;
  onMessage?: (message: WorkerMessage) => void;
  onExit?: (reason: string) => void;
}

async function startWorker(): Promise<Worker> {
  const child = fork(workerFile, [], {
    cwd: root,
    execArgv: ['--conditions=@tfjs-peft/source', '--import', 'tsx', '--max-old-space-size=1024'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // A session's own settings of Jest and Node do not reach a worker.
    env: { ...process.env, NODE_OPTIONS: '', TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  const worker: Worker = { child };
  let said = '';
  child.stderr?.on('data', (chunk) => (said = (said + String(chunk)).slice(-4000)));
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: WorkerMessage) =>
      message.type === 'ready' ? resolve() : worker.onMessage?.(message),
    );
    child.on('exit', (code, signal) => {
      const reason = `the process ended with ${signal ?? code}: ${said.trim().slice(-1500)}`;
      worker.onExit?.(reason);
      reject(new Error(reason));
    });
  });
  await ready;
  ready.catch(() => undefined);
  return worker;
}

/** How a batch ended. */
interface Ended {
  readonly next: number;
  readonly death: string | null;
  readonly hung: boolean;
}

async function runBatch(worker: Worker, batch: Batch, onFinding: (finding: Finding) => void): Promise<Ended> {
  let ended: Ended | undefined;
  let isOpen = false;
  let [lastIndex, since] = [-1, Date.now()];
  worker.onMessage = (message) => {
    if (message.type === 'opened') [isOpen, since] = [true, Date.now()];
    if (message.type === 'finding') onFinding(message.finding);
    if (message.type === 'done') ended = { next: message.next, death: null, hung: false };
  };
  let hung = false;
  let unopened: string | undefined;
  worker.onExit = (reason) => {
    if (!isOpen) unopened = reason;
    const next = (readProgress(batch.progressFile)?.index ?? batch.from) + 1;
    ended = { next, death: hung ? `more than ${batch.limits.hangMs} ms, killed` : reason, hung };
  };
  worker.child.send(batch);
  while (!ended) {
    await sleep(20);
    // Seeds that a reader refuses are a fault of the fuzzer.
    if (unopened !== undefined) throw new Error(`${batch.reader} cannot be opened: ${unopened}`);
    const index = isOpen ? (readProgress(batch.progressFile)?.index ?? -1) : -1;
    if (index !== lastIndex) [lastIndex, since] = [index, Date.now()];
    else if (isOpen && !hung && Date.now() - since > batch.limits.hangMs) {
      hung = true;
      worker.child.kill('SIGKILL');
    }
  }
  return ended;
}

/**
 * Reads changed inputs with all the readers named and says what was found. Workers are processes of their own, so that whatever hangs or
 * takes all memory is killed and counted; the run goes on behind it.
 */
export async function fuzz(options: FuzzOptions): Promise<ReaderReport[]> {
  const temporary = mkdtempSync(join(tmpdir(), 'tfjs-peft-fuzz-'));
  const shared = join(temporary, 'shared');
  mkdirSync(shared);
  const limits = { ...usualLimits, ...options.limits };
  const waiting = [...options.readers];
  const reports: ReaderReport[] = [];
  const share =
    options.seconds === undefined ? Infinity : (options.seconds * 1000 * options.jobs) / options.readers.length;

  const runReader = async (name: string, getWorker: () => Promise<Worker>, slot: number): Promise<ReaderReport> => {
    const findings = new Map<string, { first: Finding; count: number }>();
    const totals = { errors: 0, values: 0, slowestMs: 0, slowestIndex: -1, hangs: 0 };
    const note = (finding: Finding) => {
      const known = findings.get(finding.signature);
      if (known) known.count++;
      else findings.set(finding.signature, { first: finding, count: 1 });
    };
    let [next, deaths] = [0, 0];
    let until = Date.now() + share;
    const last = options.inputs ?? Infinity;
    const maxDeaths = options.maxDeaths ?? 3;
    while (next < last && Date.now() < until && deaths < maxDeaths) {
      const starting = Date.now();
      const worker = await getWorker();
      // Starting a worker is no time of the reader's.
      until += Date.now() - starting;
      const progressFile = join(temporary, `progress-${slot}`);
      const batch: Batch = {
        reader: name,
        seed: options.seed,
        from: next,
        to: last,
        until,
        progressFile,
        shared,
        limits,
      };
      const ended = await runBatch(worker, batch, note);
      const progress = readProgress(progressFile);
      if (progress) {
        totals.errors += progress.errors;
        totals.values += progress.values;
        if (progress.slowestMs > totals.slowestMs) {
          totals.slowestMs = progress.slowestMs;
          totals.slowestIndex = progress.slowestIndex;
        }
      }
      next = ended.next;
      if (ended.death === null) break;
      deaths++;
      if (ended.hung) totals.hangs++;
      const verdict = { kind: ended.hung ? 'hang' : 'death', message: ended.death } as const;
      note({ reader: name, index: next - 1, ...verdict, signature: signatureOf(verdict) });
    }
    return { reader: name, inputs: next, ...totals, findings: [...findings.values()], gaveUp: deaths >= maxDeaths };
  };

  const workSlot = async (slot: number) => {
    let worker: Worker | undefined;
    const getWorker = async () => {
      if (!worker || worker.child.exitCode !== null || worker.child.signalCode !== null) worker = await startWorker();
      return worker;
    };
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const report = await runReader(name, getWorker, slot);
      reports.push(report);
      options.onReader?.(report);
    }
    if (worker) {
      worker.onExit = undefined;
      worker.child.kill('SIGKILL');
    }
  };
  try {
    await Promise.all(Array.from({ length: options.jobs }, (_, slot) => workSlot(slot)));
    if (options.folder !== undefined) await keepInputs(reports, options.seed, shared, options.folder);
    return reports;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The inputs behind numbers, made anew. */
export async function inputsOf(
  readerName: string,
  seed: number,
  indices: readonly number[],
  shared: string,
): Promise<Files[]> {
  const reader = readers.find(({ name }) => name === readerName);
  if (!reader) throw new Error(`no reader ${readerName}; there are ${readers.map(({ name }) => name).join(', ')}`);
  const { seeds, words = [], close } = await reader.open(shared);
  try {
    return indices.map((index) => changeFiles(seeds, createRandom(seed, readerName, index), words));
  } finally {
    await close?.();
  }
}

async function keepInputs(
  reports: readonly ReaderReport[],
  seed: number,
  shared: string,
  folder: string,
): Promise<void> {
  for (const { reader, findings } of reports) {
    if (findings.length === 0) continue;
    const inputs = await inputsOf(
      reader,
      seed,
      findings.map(({ first }) => first.index),
      shared,
    );
    for (const [i, { first, count }] of findings.entries()) {
      const place = join(folder, reader, String(first.index));
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, 'finding.json'), `${JSON.stringify({ seed, ...first, count }, null, 2)}\n`);
      for (const [name, bytes] of inputs[i]!) {
        mkdirSync(dirname(join(place, 'files', name)), { recursive: true });
        writeFileSync(join(place, 'files', name), bytes);
      }
    }
  }
}
