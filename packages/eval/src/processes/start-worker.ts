import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A process that ends at once takes its children with it. */
const living = new Set<ChildProcess>();
const killAll = () => living.forEach((child) => child.kill('SIGKILL'));

/**
 * A process from the entry `name` beside the file at `caller`: TypeScript in a checkout, JavaScript in the built package. It is told the number of this
 * process, to end with it.
 */
export function startWorker(caller: string, name: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
  const source = caller.endsWith('.ts');
  const entry = fileURLToPath(new URL(`./${name}.${source ? 'ts' : 'js'}`, caller));
  const child = fork(entry, [String(process.pid)], {
    execArgv: source ? sourceFlags() : [],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  if (living.size === 0) process.on('exit', killAll);
  living.add(child);
  child.once('exit', () => {
    living.delete(child);
    if (living.size === 0) process.off('exit', killAll);
  });
  return child;
}

function sourceFlags(): string[] {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return ['--conditions=@tfjs-peft/source', '--import', loader];
}
