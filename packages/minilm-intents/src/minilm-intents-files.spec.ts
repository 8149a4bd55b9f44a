import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { itHoldsRecordedFiles } from '../../../tools/jest/recorded-files.js';
import { minilmIntentsFiles } from './index.js';

const { directory, tasks } = minilmIntentsFiles();

describe('minilmIntentsFiles', () => {
  itHoldsRecordedFiles(minilmIntentsFiles());

  it('names its tasks, none of which the start was prepared on or chosen by', () => {
    expect(readdirSync(join(directory, 'new')).sort()).toEqual(tasks.map((name) => `${name}.csv`));
    const record = JSON.parse(readFileSync(join(directory, 'prepared.json'), 'utf8')) as {
      tasks: { seen: string[]; heldOut: string[] };
    };
    const known = [...record.tasks.seen, ...record.tasks.heldOut];
    expect(known.length).toBe(7);
    for (const name of tasks) expect(known).not.toContain(name);
  });
});
