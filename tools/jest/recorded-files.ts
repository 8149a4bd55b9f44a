import { expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Where a data package keeps its files: a folder with `SHA256SUMS` beside a README. */
export interface RecordedFiles {
  readonly directory: string;
  /** The same folder. */
  readonly url: URL;
}

/** Tests of a data package: what it holds is what `SHA256SUMS` and the README of the package say, each file once. */
export function itHoldsRecordedFiles({ directory, url }: RecordedFiles): void {
  const recorded = readFileSync(join(directory, 'SHA256SUMS'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('  ') as [string, string]);

  it('points at the same folder as a path and as a URL', () => {
    expect(readdirSync(url)).toEqual(readdirSync(directory));
    expect(new URL('x', url).pathname).toMatch(/\/x$/);
  });

  it.each(recorded)('%s is %s', (sum, file) => {
    const bytes = readFileSync(join(directory, file));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sum);
  });

  it('holds no file without a recorded sum', () => {
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [relative(directory, join(entry.parentPath, entry.name))] : [],
    );
    expect(files.filter((file) => file !== 'SHA256SUMS').sort()).toEqual(recorded.map(([, file]) => file).sort());
  });

  it('states every sum in the README', () => {
    const readme = readFileSync(join(directory, '..', 'README.md'), 'utf8');
    for (const [sum, file] of recorded) expect(readme).toMatch(new RegExp(`${file}.*${sum}`));
  });
}
