import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface WorkerOptions {
  readonly backend: 'tensorflow' | 'tensorflow-gpu' | 'wasm';
  readonly method: 'prefix' | 'prefix-subspace' | 'lora' | 'ia3' | 'composed';
  readonly prefixLength: number;
  readonly dropout: boolean;
  readonly batch: readonly { readonly inputIds: readonly number[]; readonly label: number }[];
  /** Where the first parameters are written for a peer. */
  readonly adapterFolder?: string;
}

export interface WorkerCommand {
  readonly steps: number;
}

export interface WorkerAnswer {
  /** Wall time of each step. */
  readonly milliseconds: readonly number[];
  /** Processor time of all threads, per step. */
  readonly cpuMilliseconds: number;
  readonly peakMegabytes: number;
}

export interface Worker {
  readonly name: string;
  /** Loss of the first parameters, without dropout. */
  readonly loss: number;
  run(steps: number): Promise<WorkerAnswer>;
  stop(): void;
}

/** Starts a process that speaks JSON lines: its first line is `{"loss": …}`, then one answer a command. */
export async function startWorker(name: string, command: string, args: readonly string[], env = {}): Promise<Worker> {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the worker "${name}" ended early`);
    return JSON.parse(value);
  };
  const { loss } = await next();
  return {
    name,
    loss,
    async run(steps) {
      child.stdin!.write(`${JSON.stringify({ steps })}\n`);
      return next();
    },
    stop: () => child.stdin!.end(),
  };
}
