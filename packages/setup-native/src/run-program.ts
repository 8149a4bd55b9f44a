import { type ChildProcess, spawn, type SpawnOptions, spawnSync } from 'node:child_process';

/** How a program ended. */
export interface ProgramResult {
  /** False for a non-zero exit and for a program that does not exist. */
  readonly ok: boolean;
  /** What it printed. */
  readonly output: string;
}

const running = new Set<ChildProcess>();

/** Ends the programs that still run, so that an interrupted set-up leaves none behind. */
export function endPrograms(): void {
  for (const child of running) child.kill();
}

/** Runs a program, keeping what it printed. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: Pick<SpawnOptions, 'cwd' | 'env'> = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    child.on('close', () => running.delete(child));
    let output = '';
    const keep = (chunk: Buffer) => (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ ok: false, output: `${output}${error.message}` }));
    child.on('close', (code, signal) =>
      resolve({ ok: code === 0, output: signal ? `${output}\nended by ${signal}` : output }),
    );
  });
}

/** True if the program starts and exits with 0. */
export const answers = (program: string, args: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0;

/** The last lines of a program's output, indented, for an error message. */
export const lastLines = (output: string, count = 12): string =>
  output
    .trim()
    .split('\n')
    .slice(-count)
    .map((line) => `    ${line}`)
    .join('\n');
