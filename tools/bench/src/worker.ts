import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStream } from '@tfjs-peft/peft-core';
import { randomWords } from '@tfjs-peft/peft-core/authoring';
import type { StepProfile } from './profile-operations.js';

export type BenchMethod =
  | 'bare'
  | 'prefix'
  | 'prefix-subspace'
  | 'mlp-prefix'
  | 'mlp-prefix-subspace'
  | 'lora'
  | 'lora-everywhere'
  | 'tarp'
  | 'ia3'
  | 'composed'
  | 'bitfit'
  | 'sift'
  | 'sift-subspace'
  | 'dense'
  | 'full';

/** An update of FOMAML over episodes, or as many plain steps as it has inside and outside, on the same texts. */
export type EpisodeSteps = 'fomaml' | 'plain';

export interface WorkerOptions {
  readonly backend: 'tensorflow' | 'tensorflow-gpu' | 'wasm';
  /** One of the methods that are compared with peers, or a preset of `@tfjs-peft/eval`. */
  readonly method: BenchMethod | { readonly preset: string };
  readonly prefixLength: number;
  /** Folder of the host; MiniLM if absent. */
  readonly host?: string;
  /** Of a simplex; 2 if absent. */
  readonly vertices?: number;
  /** With it a "step" is an evaluation of the batch over so many draws, or at the midpoint for 0; nothing is trained. */
  readonly draws?: number;
  /** With it a "step" is a greedy continuation of the first text by so many tokens, whose time is that of one token; the host is a decoder. */
  readonly newTokens?: number;
  /** Which of these tokens are timed, `[from, to)`; all of them, and the pass over the text before them, if absent. */
  readonly timed?: readonly [number, number];
  /** With it a "step" is an update over four episodes that the batch is divided into: see meta-updates.ts. */
  readonly episodes?: EpisodeSteps;
  readonly dropout: boolean;
  readonly batch: readonly { readonly inputIds: readonly number[]; readonly label: number }[];
  /** Where the first parameters are written for a peer. */
  readonly adapterFolder?: string;
}

export interface WorkerCommand {
  readonly steps: number;
  /** Time each native operation too. */
  readonly profile?: boolean;
}

export interface WorkerAnswer {
  /** Wall time of each step. */
  readonly milliseconds: readonly number[];
  /** Processor time of all threads, per step. */
  readonly cpuMilliseconds: number;
  readonly peakMegabytes: number;
  readonly profile?: StepProfile;
}

/** Of the first parameters, without dropout: the loss, or the tokens that continue a text. */
type FirstAnswer = { readonly loss: number } | { readonly tokens: readonly number[] };

export interface Worker {
  readonly name: string;
  /** What the sides must agree on before they are timed. */
  readonly first: FirstAnswer;
  /** What preparing the method took, milliseconds; 0 for one that prepares nothing. */
  readonly preparation: number;
  run(steps: number, profile?: boolean): Promise<WorkerAnswer>;
  stop(): void;
}

/** Starts a process that speaks JSON lines: its first line is `{"loss": …, "preparation": …}` or `{"tokens": …}`, then one answer a command. */
export async function startWorker(
  name: string,
  command: string,
  args: readonly string[],
  env = {},
  cwd?: string,
): Promise<Worker> {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
    cwd,
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the worker "${name}" ended early`);
    return JSON.parse(value);
  };
  const { preparation = 0, ...first } = await next();
  return {
    name,
    first,
    preparation,
    async run(steps, profile) {
      child.stdin!.write(`${JSON.stringify({ steps, profile })}\n`);
      return next();
    },
    stop: () => child.stdin!.end(),
  };
}

/** Rows of random words, the same in every process, labelled 0 and 1 in turn. */
export function createBatch(rows: number, tokens: number): WorkerOptions['batch'] {
  const ids = randomWords(createStream('bench'), rows * tokens);
  return Array.from({ length: rows }, (_, row) => ({
    inputIds: Array.from({ length: tokens }, (_, token) => 1000 + (ids[row * tokens + token]! % 28_000)),
    label: row % 2,
  }));
}

/** A process of step-worker.ts, of this checkout or another one. */
export function startStepWorker(
  name: string,
  options: WorkerOptions,
  env: Record<string, string> = {},
  script = fileURLToPath(new URL('step-worker.ts', import.meta.url)),
): Promise<Worker> {
  const args = ['--conditions=@tfjs-peft/source', '--import', 'tsx', script, JSON.stringify(options)];
  // Packages resolve from the working folder.
  return startWorker(name, process.execPath, args, env, dirname(script));
}
