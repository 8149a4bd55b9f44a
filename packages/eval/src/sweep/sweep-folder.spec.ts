import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { withoutPassword } from './bullmq-queue.js';
import { readSweepRecord, recordSweep } from './sweep-folder.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'sweep-'))));
afterEach(() => rmSync(folder, { recursive: true }));

it('a sweep that is started again knows all jobs that were submitted', async () => {
  const { id } = await recordSweep(folder, { engine: 'slurm', jobs: ['100'] });
  await recordSweep(folder, { engine: 'slurm' });
  await recordSweep(folder, { engine: 'slurm', jobs: ['101'] });
  await recordSweep(folder, { engine: 'local' });
  expect(await readSweepRecord(folder)).toEqual({ id, engine: 'local', jobs: ['100', '101'] });
  const many = Array.from({ length: 1000 }, (_, job) => String(1000 + job));
  await recordSweep(folder, { engine: 'slurm', jobs: many });
  expect((await readSweepRecord(folder))!.jobs).toEqual(many);
});

it('an address of Redis is stored without its password, and refused with settings that may hold one', () => {
  expect(withoutPassword('redis://user:secret@queue:6379/1')).toBe('redis://queue:6379/1');
  for (const url of ['redis://queue/0?password=secret', 'redis://queue?username=me', 'http://queue'])
    expect(() => withoutPassword(url)).toThrow(expect.objectContaining({ code: 'REDIS_URL_INVALID' }));
});
