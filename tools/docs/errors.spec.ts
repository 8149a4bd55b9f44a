import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { collectErrors, errorsOf } from './collect-errors.js';
import { errorPage } from './error-page.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('errorsOf', () => {
  it('reads codes and texts of direct throws, of makers and of records', () => {
    const source = `
      throw new PeftError('A_CODE', { found: \`no "\${path}"\`, expected: 'one' + \` of \${known}\`, fix: ok ? 'do this' : 'do that' });
      throw new PeftError(gone ? 'GONE_CODE' : 'OTHER_CODE', { found: reason });
      const broken = (code: string, file: string) => new PeftError(code, { found: file, fix: 'try again' });
      throw broken('MADE_CODE', 'a');
      read(path, { code: 'RECORD_CODE', fix: 'run it again' });
      throw new PeftError(error.code, { found: 'again' });`;
    expect(errorsOf(source, 'a.ts')).toEqual([
      { code: 'A_CODE', file: 'a.ts', found: 'no "…"', expected: 'one of …', fix: 'do this / do that' },
      { code: 'GONE_CODE', file: 'a.ts' },
      { code: 'OTHER_CODE', file: 'a.ts' },
      { code: 'MADE_CODE', file: 'a.ts', fix: 'try again' },
      { code: 'RECORD_CODE', file: 'a.ts', fix: 'run it again' },
    ]);
  });

  it('refuses a code that it cannot read', () => {
    expect(() => errorsOf('throw new PeftError(codes[0], { found: "a" });', 'a.ts')).toThrow('a.ts: the code of');
  });
});

describe('docs/errors.md', () => {
  it('is what npm run docs:errors writes', async () => {
    expect(await errorPage(collectErrors(root))).toBe(readFileSync(`${root}/docs/errors.md`, 'utf8'));
  });
});
