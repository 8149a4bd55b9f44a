import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeOnNative } from '../jest/on-native.js';
import { differences } from './compare-folders.js';
import { prepare } from './prepare.js';
import { type Faults, killAndResume, runWhole, secondWriter, signalToGroup } from './scenarios.js';

/** The whole of it is `npm run faults`. */
describeOnNative('a run that is broken', () => {
  let faults: Faults;
  beforeAll(async () => {
    const prepared = await prepare({ steps: 40, seeds: [13] });
    faults = { ...prepared, ...(await runWhole(prepared)), say: () => undefined };
  });
  afterAll(() => rmSync(faults.root, { recursive: true, force: true }));

  it('by kills of the launched command and of a worker continues to the same files', async () => {
    expect((await killAndResume(faults, 2, 1)).wrong).toEqual([]);
  });
  it('refuses a second writer', async () => {
    expect((await secondWriter(faults)).wrong).toEqual([]);
  });
  it('saves on SIGTERM to the group, gives 143 and continues to the same files', async () => {
    expect((await signalToGroup(faults, 'SIGTERM', 'kill')).wrong).toEqual([]);
  });
});

describe('the comparison', () => {
  it('sees a file that differs, is missing or is left over', () => {
    const files = (...entries: [string, string][]) => new Map(entries);
    expect(differences(files(['a', '1'], ['b', '1'], ['d', '1']), files(['a', '1'], ['b', '2'], ['c', '1']))).toEqual([
      'b: another content',
      'd: left over',
      'c: missing',
    ]);
  });
});
