import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { parseExperiment } from '../config/experiment-config.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { deleteExperimentFolder } from './delete-experiment-folder.js';
import { claimExperimentFolder } from '../records/experiment-folder.js';

let folder = '';
const config = parseExperiment({ version: 1, task: 'spam-subjects', methods: ['head'] });
const put = (...path: string[]) => {
  mkdirSync(join(folder, ...path, '..'), { recursive: true });
  writeFileSync(join(folder, ...path), '');
};
beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'tfjs-peft-delete-')), 'run');
  await claimExperimentFolder(folder, config);
  for (const name of ['results.json', 'table.md', 'plot.svg', 'history.svg', 'report.html']) put(name);
  put('adapter', 'adapter_config.json');
  for (const name of ['config.resolved.yaml', 'metrics.jsonl', 'summary.json', '.summary.json.7.0123abcd.tmp'])
    put('trials', 'prefix-13-0-0123', name);
  put('trials', 'prefix-13-0-0123', 'checkpoint', 'checkpoint.safetensors');
});
const refused = async (found: string) => {
  await expect(deleteExperimentFolder(folder)).rejects.toMatchObject({ code: 'FOLDER_NOT_OURS' });
  await expect(deleteExperimentFolder(folder)).rejects.toThrow(found);
  expect(existsSync(join(folder, 'experiment.yaml'))).toBe(true);
};

describe('deleteExperimentFolder', () => {
  it('deletes what an experiment made', async () => {
    await deleteExperimentFolder(folder);
    expect(existsSync(folder)).toBe(false);
    await deleteExperimentFolder(folder);
  });
  it('keeps a folder that merely has an experiment.yaml', async () => {
    folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-own-'));
    put('experiment.yaml');
    await refused('does not say that this program made it');
  });
  it.each([
    [['thesis.txt'], '"thesis.txt"'],
    [['trials', 'notes.txt'], 'notes.txt'],
    [['trials', 'prefix-13-0-0123', 'notes.txt'], 'prefix-13-0-0123/notes.txt'],
  ])('keeps a folder with a file of somebody else: %j', async (path, named) => {
    put(...path);
    await refused(named);
  });
  it('keeps a folder that is being written', async () => {
    const release = await lockFolder(folder);
    await expect(deleteExperimentFolder(folder)).rejects.toMatchObject({ code: 'FOLDER_IN_USE' });
    release();
  });
});
