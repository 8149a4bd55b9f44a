import { expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { docsText } from './docs-text.js';

it('docs/conformance.md is what `npm run docs -w @tfjs-peft/conformance` writes', async () => {
  expect(await readFile(new URL('../../../docs/conformance.md', import.meta.url), 'utf8')).toBe(docsText());
});
