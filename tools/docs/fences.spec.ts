import { describe, expect, it } from '@jest/globals';
import { readFences } from './fences.js';

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
    ].join('\n');
    expect(readFences(markdown, 'a.md')).toEqual([
      { file: 'a.md', line: 8, code: 'use(host);\n', given: 'declare const host: Host;', sketch: null },
      { file: 'a.md', line: 14, code: 'if (a)\n  b();\n', given: '', sketch: null },
      { file: 'a.md', line: 19, code: 'interface A { b; }\n', given: '', sketch: 'an outline' },
    ]);
  });
});
