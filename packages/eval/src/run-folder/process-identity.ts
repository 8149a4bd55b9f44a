import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process of some machine so that another one of the same number is not taken for it; plain JSON. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in a unit of the system's; null where the system does not say. */
  readonly started: string | null;
  readonly host: string;
  /** Changes with every start of the machine; null where the system does not say. */
  readonly boot: string | null;
  /** Where its number counts: differs between containers; null where the system does not say. */
  readonly space: string | null;
}

export const identifyThisProcess = (): ProcessIdentity => ({
  pid: process.pid,
  started: startOf(process.pid),
  host: hostname(),
  boot: ask(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
  space: ask(() => readlinkSync('/proc/self/ns/pid')),
});

/** `unknown` for a process of another machine or container, which cannot be seen from here. */
export function stateOf({ pid, started, host, boot, space }: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  const own = identifyThisProcess();
  if (host !== own.host) return 'unknown';
  // The machine was started anew since: nothing of then is alive.
  if (boot !== own.boot) return 'dead';
  if (space !== own.space) return 'unknown';
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'dead';
  }
  const now = startOf(pid);
  return started !== null && now !== started ? 'dead' : 'alive';
}

/** Null for a process that is not there or has ended, and where the system does not say. */
function startOf(pid: number): string | null {
  try {
    if (process.platform === 'linux') {
      // The second field is the name in parentheses, which may hold anything.
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      const [state] = fields;
      return state === 'Z' || state === 'X' ? null : fields[19]!;
    }
    if (process.platform === 'win32') return null;
    return execFileSync('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', timeout: 5000 }).trim();
  } catch {
    return null;
  }
}

function ask(question: () => string): string | null {
  try {
    return question();
  } catch {
    return null;
  }
}
