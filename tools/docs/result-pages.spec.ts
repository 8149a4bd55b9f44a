import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from '@jest/globals';
import { insertTables, resultPages } from './result-pages.js';

it.each(resultPages.map((each) => [basename(each.page.pathname), each] as const))(
  'the tables of %s are what npm run docs:results writes',
  async (_name, each) => {
    expect(await insertTables(each)).toBe(readFileSync(each.page, 'utf8'));
  },
);
