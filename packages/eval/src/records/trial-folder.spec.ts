import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { sampleTrials } from '../../test/sample-experiment.js';
import { resolveExperiment } from '../config/resolve-experiment.js';
import { inspectTrialFolder, readTrialConfig, trialFiles, writeTrialConfig } from './trial-folder.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-trial-'));
});

describe('trial folders', () => {
  const trialOf = (shots: number) =>
    resolveExperiment({ version: 1, task: 'spam-subjects', methods: ['prefix'], data: { shots, directory: '/data' } })
      .trials[0]!;

  it('keep the configuration as YAML', async () => {
    await writeTrialConfig(folder, trialOf(10));
    expect(await readTrialConfig(folder)).toEqual(trialOf(10));
  });

  it('are new, unfinished, failed or finished', async () => {
    expect(await inspectTrialFolder(folder, trialOf(10))).toEqual({ kind: 'new' });
    await writeTrialConfig(folder, trialOf(10));
    expect(await inspectTrialFolder(folder, trialOf(10))).toEqual({ kind: 'unfinished' });
    const summary = (status: string) => JSON.stringify({ ...sampleTrials[0]!, id: 'x', status });
    writeFileSync(trialFiles(folder).summary, summary('failed'));
    expect(await inspectTrialFolder(folder, trialOf(10))).toEqual({ kind: 'unfinished' });
    writeFileSync(trialFiles(folder).summary, summary('done'));
    expect(await inspectTrialFolder(folder, trialOf(10))).toMatchObject({ kind: 'finished', summary: { id: 'x' } });
  });

  it('refuse another configuration and damage', async () => {
    await writeTrialConfig(folder, trialOf(10));
    await expect(inspectTrialFolder(folder, trialOf(20))).rejects.toMatchObject({
      code: 'RUN_FOLDER_OF_ANOTHER_CONFIGURATION',
      message: expect.stringContaining('data.shots is 10, not 20'),
    });
    writeFileSync(trialFiles(folder).summary, '[1]');
    await expect(inspectTrialFolder(folder, trialOf(10))).rejects.toMatchObject({ code: 'JSON_NOT_OBJECT' });
    writeFileSync(trialFiles(folder).config, 'a: [');
    await expect(inspectTrialFolder(folder, trialOf(10))).rejects.toMatchObject({ code: 'RUN_FOLDER_DAMAGED' });
    await expect(readTrialConfig(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'RUN_FOLDER_DAMAGED' });
  });
});
