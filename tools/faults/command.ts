import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../packages/cli/bin/tfjs-peft.mjs', import.meta.url));

/** A command in a process group of its own. */
export interface Command {
  readonly child: ChildProcess;
  /** Its exit code, or 128 and the number of the signal that ended it. */
  readonly ended: Promise<number>;
  readonly text: () => string;
  readonly seconds: () => number;
}

export interface StartOptions {
  readonly cwd: string;
  /** In front of the command: `timeout 3`, `bash -c ...`. */
  readonly before?: readonly string[];
}

export function start(args: readonly string[], { cwd, before = [] }: StartOptions): Command {
  const [program, ...rest] = [...before, process.execPath, bin, ...args];
  const started = performance.now();
  const child = spawn(program!, rest, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (text += data.toString()));
    stream.on('error', () => undefined);
  }
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(code ?? (signal === 'SIGKILL' ? 137 : signal === 'SIGTERM' ? 143 : 130)),
    );
  });
  return { child, ended, text: () => text, seconds: () => (performance.now() - started) / 1000 };
}

export const runArguments = (config: string, output: string): string[] => [
  ...['run', '--config', config, '--output', output, '--backend', 'wasm', '--jobs', '2', '--no-floors'],
];

/** Which process of a command a fault is for. */
export type Target = 'launcher' | 'command' | 'worker' | 'group';

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly state: string;
  readonly line: string;
}

function listProcesses(): Entry[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,args='], { encoding: 'utf8' });
  return table.split('\n').flatMap((row) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(row);
    if (!match) return [];
    const [, pid, parent, group, state, line] = match;
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), state: state!, line: line! }];
  });
}

/** The living processes of a command: those of its group. */
export const processesOf = ({ child }: Command): Entry[] =>
  listProcesses().filter(({ group, state }) => group === child.pid && !state.startsWith('Z'));

/** Sends a signal to one of the command's processes, or to all; false where there is none (yet, or any more). */
export function hit(command: Command, target: Target, signal: NodeJS.Signals, choose: (n: number) => number): boolean {
  const { pid } = command.child;
  if (pid === undefined || command.child.exitCode !== null || command.child.signalCode !== null) return false;
  const entries = processesOf(command);
  const workers = entries.filter(({ line }) => line.includes('run-trial-worker'));
  const main = entries.find(({ line, pid: own }) => line.includes(join('src', 'main.ts')) && own !== pid);
  const chosen = {
    launcher: pid,
    group: -pid,
    command: main?.pid,
    worker: workers[choose(workers.length)]?.pid,
  }[target];
  if (chosen === undefined) return false;
  try {
    process.kill(chosen, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether all processes of a command end within these seconds; what is left is ended, and named. */
export async function allEnd(command: Command, seconds: number): Promise<readonly string[]> {
  const deadline = performance.now() + 1000 * seconds;
  for (;;) {
    const left = processesOf(command);
    if (left.length === 0) return [];
    if (performance.now() > deadline) {
      for (const { pid } of left) process.kill(pid, 'SIGKILL');
      return left.map(({ pid, line }) => `${pid} ${line.slice(-60)}`);
    }
    await sleep(50);
  }
}

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
