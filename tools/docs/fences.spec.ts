import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { readFences } from './fences.js';
import { typecheckFences } from './typecheck-fences.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('readFences', () => {
  it('finds TypeScript alone, with its line and what is written above it', () => {
    const markdown = [
      '# Title',
      '```sh',
      'npm test',
      '```',
      '<!-- given: declare const host: Host; -->',
      '',
      '```ts',
      'use(host);',
      '```',
      '',
      '- in a list:',
      '',
      '  ```typescript',
      '  if (a)',
      '    b();',
      '  ```',
      '<!-- sketch: an outline -->',
      '```ts',
      'interface A { b; }',
      '```',
      '<!-- beside: a/b.ts -->',
      '<!-- given: declare const c: number; -->',
      '```ts',
      'use(c);',
      '```',
      '<!-- file: a/b.ts -->',
      '```ts',
      'export {};',
      '```',
    ].join('\n');
    const plain = { file: 'a.md', given: '', sketch: null, beside: null };
    expect(readFences(markdown, 'a.md')).toEqual([
      { ...plain, line: 8, code: 'use(host);\n', given: 'declare const host: Host;' },
      { ...plain, line: 14, code: 'if (a)\n  b();\n' },
      { ...plain, line: 19, code: 'interface A { b; }\n', sketch: 'an outline' },
      { ...plain, line: 24, code: 'use(c);\n', given: 'declare const c: number;', beside: 'a/b.ts' },
      { ...plain, line: 28, code: 'export {};\n', beside: 'a/b.ts' },
    ]);
  });
});

describe('typecheckFences', () => {
  it('finds a planted mistake at its line, and lets pass what its declarations and neighbours explain', () => {
    const markdown = [
      '```ts',
      'const right = 1;',
      "const wrong: number = 'one';",
      '```',
      '<!-- given: declare const given: number; -->',
      '<!-- beside: tools/docs/fences.ts -->',
      '```ts',
      "import { readFences } from './fences.js';",
      'export const fences = readFences(String(given), "a.md");',
      'missing();',
      '```',
    ].join('\n');
    expect(
      typecheckFences(readFences(markdown, 'a.md'), root).map(({ line, message }) => `${line} ${message}`),
    ).toEqual(["3 Type 'string' is not assignable to type 'number'.", "10 Cannot find name 'missing'."]);
  });
});
