import { spawn, spawnSync } from 'node:child_process';

const running = new Set();

/** Ends the programs that still run, so that an interrupted set-up leaves none behind. */
export function endPrograms() {
  for (const child of running) child.kill();
}

/**
 * Runs a program, keeping what it printed.
 *
 * @returns {Promise<{ ok: boolean, output: string }>} `ok` is false for a non-zero exit and for a program that does not exist
 */
export function runProgram(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    child.on('close', () => running.delete(child));
    let output = '';
    const keep = (chunk) => (output += chunk);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ ok: false, output: `${output}${error.message}` }));
    child.on('close', (code, signal) =>
      resolve({ ok: code === 0, output: signal ? `${output}\nended by ${signal}` : output }),
    );
  });
}

/** True if the program starts and exits with 0. */
export const answers = (program, args) => spawnSync(program, args, { stdio: 'ignore' }).status === 0;

/** The last lines of a program's output, indented, for an error message. */
export const lastLines = (output, count = 12) =>
  output
    .trim()
    .split('\n')
    .slice(-count)
    .map((line) => `    ${line}`)
    .join('\n');
