import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lockFolder, writerOf } from './folder-lock.js';
import { removeLeftovers } from './remove-leftovers.js';
import { beatSeconds, silenceSeconds } from './heartbeat.js';
import { identifyThisProcess, stateOf } from './process-identity.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-lock-'));
});
const others: ChildProcess[] = [];
afterEach(() => others.splice(0).forEach((child) => child.kill('SIGKILL')));

/** A process that does nothing. */
const idle = () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  others.push(child);
  return child;
};
const since = '2026-01-01T00:00:00.000Z';
const writeLock = (record: object, name = '.writer-1-0123456789ab.json') =>
  writeFileSync(join(folder, name), JSON.stringify({ version: 1, ...identifyThisProcess(), since, ...record }));
const now = { patience: 0 };

describe('lockFolder', () => {
  it('lets one writer in at a time and leaves nothing behind', async () => {
    const release = await lockFolder(folder, now);
    const error: unknown = await lockFolder(folder, now).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'FOLDER_IN_USE' });
    expect(String(error)).toContain(`process ${process.pid} on ${hostname()}`);
    release();
    (await lockFolder(folder, now))();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('lets exactly one of many in that come at once, and all of them in the end', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const release = await lockFolder(folder, { patience: 60 });
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside -= 1;
        release();
      }),
    );
    expect(most).toBe(1);
  });

  it('leaves the lock of one that comes while it clears up', async () => {
    await lockFolder(folder, now);
    writeFileSync(join(folder, '.results.json.99.0123abcd.tmp'), 'half');
    await removeLeftovers(folder);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\.writer-/)]);
  });

  it('waits for a writer that ends', async () => {
    const release = await lockFolder(folder, now);
    setTimeout(release, 200);
    (await lockFolder(folder, { patience: 10 }))();
  });

  it('takes no notice of a writer that is gone, of another process with its number, or of a lock that is none', async () => {
    const child = idle();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    writeLock({ pid: child.pid, started: '1' });
    writeLock({ pid: idle().pid, started: 'at another time' }, '.writer-2-0123456789ab.json');
    writeLock({ boot: 'before' }, '.writer-3-0123456789ab.json');
    writeLock({ pid: -1 }, '.writer-4-0123456789ab.json');
    writeFileSync(join(folder, '.writer-5-0123456789ab.json'), '{"torn');
    writeFileSync(join(folder, '.results.json.99.0123abcd.tmp'), 'half');
    writeFileSync(join(folder, 'mine.tmp'), 'kept');
    (await lockFolder(folder, now))();
    expect(readdirSync(folder)).toEqual(['mine.tmp']);
  });

  it('respects a writer on another machine for as long as it renews its lock', async () => {
    writeLock({ host: 'elsewhere' });
    await expect(lockFolder(folder, now)).rejects.toThrow(
      /process \d+ on elsewhere .* since 2026.*if that machine no longer runs it, try again in a minute/,
    );
    expect(await writerOf(folder)).toMatchObject({ host: 'elsewhere', since });
    const then = Date.now() / 1000 - silenceSeconds - 1;
    utimesSync(join(folder, '.writer-1-0123456789ab.json'), then, then);
    expect(await writerOf(folder)).toBeUndefined();
    (await lockFolder(folder, now))();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('renews its lock, which stays what it was', async () => {
    const release = await lockFolder(folder, now);
    const path = join(folder, readdirSync(folder)[0]!);
    const text = readFileSync(path, 'utf8');
    utimesSync(path, 1, 1);
    const end = Date.now() + 4000 * beatSeconds;
    while (statSync(path).mtimeMs < 2000 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(4000 * beatSeconds);
    expect(readFileSync(path, 'utf8')).toBe(text);
    release();
    await new Promise((resolve) => setTimeout(resolve, 1500 * beatSeconds));
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('stateOf', () => {
  it('tells this process from one that had its number before', () => {
    expect(stateOf(identifyThisProcess())).toBe('alive');
    expect(stateOf({ ...identifyThisProcess(), started: 'before' })).toBe('dead');
  });
});
