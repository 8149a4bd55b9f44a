import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { minilmMlmFiles } from './index.js';

const { directory, url } = minilmMlmFiles();
const recorded = readFileSync(join(directory, 'SHA256SUMS'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('  ') as [string, string]);

describe('minilmMlmFiles', () => {
  it('points at the same folder as a path and as a URL', () => {
    expect(readdirSync(url)).toEqual(readdirSync(directory));
  });

  it.each(recorded)('%s is %s', (sum, file) => {
    const bytes = readFileSync(join(directory, file));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sum);
  });

  it('holds no file without a recorded sum, and states every sum in the README', () => {
    const files = readdirSync(directory).filter((file) => file !== 'SHA256SUMS');
    expect(files.sort()).toEqual(recorded.map(([, file]) => file).sort());
    const readme = readFileSync(join(directory, '..', 'README.md'), 'utf8');
    for (const [sum, file] of recorded) expect(readme).toMatch(new RegExp(`${file}.*${sum}`));
  });
});
