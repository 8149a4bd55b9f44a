import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import * as z from 'zod';
import { keepBeating, silenceSeconds } from './heartbeat.js';
import { identifyThisProcess, type ProcessIdentity, stateOf } from './process-identity.js';
import { readTextIfThere } from './read-text.js';
import { removeLeftovers } from './remove-leftovers.js';
import { writeFileAtomicallySync } from './write-file-atomically.js';

const prefix = '.writer-';
const lockRecord = z.object({
  version: z.literal(1),
  pid: z.int().min(1),
  started: z.string().max(100).nullable(),
  host: z.string().max(300),
  boot: z.string().max(300).nullable(),
  space: z.string().max(300).nullable(),
  since: z.string().max(40),
});

/** Who writes to a folder, and its lock. */
interface Writer extends ProcessIdentity {
  readonly since: string;
  readonly path: string;
}

/** How often a held folder is looked at again. */
const pauseMilliseconds = 100;

/**
 * Makes this process the only writer of `folder` until what it returns is called or the process ends, however it ends: a lock names its
 * process, and one whose process is gone counts for nothing; that of another machine, which cannot be asked, once it was not renewed for a
 * minute. Each writer puts a file of its own there and then looks for others, so two
 * that come at the same moment see each other, and nobody ever removes the file of a living one. `patience`: how many seconds to wait for
 * another writer to end. Errors: `FOLDER_IN_USE`, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function lockFolder(folder: string, { patience = 2 } = {}): Promise<() => void> {
  const deadline = performance.now() + 1000 * patience;
  for (;;) {
    const own = join(folder, `${prefix}${process.pid}-${randomBytes(6).toString('hex')}.json`);
    const since = new Date().toISOString();
    writeFileAtomicallySync(own, `${JSON.stringify({ version: 1, ...identifyThisProcess(), since })}\n`);
    const remove = () => rmSync(own, { force: true });
    process.once('exit', remove);
    const still = keepBeating(own);
    const release = () => {
      process.off('exit', remove);
      still();
      remove();
    };
    let other: Writer | undefined;
    try {
      other = await findOther(folder, own);
    } catch (error) {
      release();
      throw error;
    }
    if (!other) {
      await removeLeftovers(folder);
      await removeLeftovers(join(folder, 'checkpoint'));
      return release;
    }
    release();
    if (performance.now() > deadline) throw inUse(folder, other);
    // Two that saw each other and both stepped back must not meet again and again.
    await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds * (0.5 + Math.random())));
  }
}

/** A living writer other than `own`. Files of dead ones are removed, and so are files that are no lock of this program. */
async function findOther(folder: string, own: string): Promise<Writer | undefined> {
  const now = statSync(own).mtimeMs;
  for (const { path, writer } of await readLocks(folder)) {
    if (path === own) continue;
    if (writer && isThere(writer, now)) return writer;
    rmSync(path, { force: true });
  }
  return undefined;
}

/** Who writes to `folder` now, as far as can be told; changes nothing. */
export async function writerOf(folder: string): Promise<Writer | undefined> {
  const locks = await readLocks(folder).catch(() => []);
  return locks.flatMap(({ writer }) => (writer && isThere(writer, Date.now()) ? [writer] : []))[0];
}

/** `now`: by the clock of the disk. */
function isThere(writer: Writer, now: number): boolean {
  const state = stateOf(writer);
  if (state !== 'unknown') return state === 'alive';
  const beaten = statSync(writer.path, { throwIfNoEntry: false })?.mtimeMs;
  return beaten !== undefined && now - beaten < 1000 * silenceSeconds;
}

async function readLocks(folder: string): Promise<{ readonly path: string; readonly writer: Writer | null }[]> {
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix) && name.endsWith('.json'));
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const record = readRecord(await readTextIfThere(path, { maxBytes: 4096 }));
      return { path, writer: record && { ...record, path } };
    }),
  );
}

function readRecord(text: string | null): z.output<typeof lockRecord> | null {
  try {
    return lockRecord.parse(JSON.parse(text ?? ''));
  } catch {
    return null;
  }
}

const inUse = (folder: string, writer: Writer) =>
  new PeftError('FOLDER_IN_USE', {
    found: `process ${writer.pid} on ${writer.host} has been writing to "${folder}" since ${writer.since}`,
    expected: 'one writer of a folder at a time',
    fix:
      stateOf(writer) === 'unknown'
        ? `wait until it ends or choose another folder; if that machine no longer runs it, try again in a minute`
        : 'wait until it ends, or choose another folder',
  });
