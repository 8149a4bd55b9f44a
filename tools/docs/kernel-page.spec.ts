import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { insertTables, kernelPage } from '../kernel/page.js';

it('the tables of the page on kernels are what npm run docs:kernel writes', async () => {
  const page = readFileSync(kernelPage, 'utf8');
  expect(await insertTables(page)).toBe(page);
});
