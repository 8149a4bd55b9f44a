import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { hfTypes, unreadHfTypes } from '@tfjs-peft/peft-core/files';
import { hfTypePage, insertHfTypes } from './hf-type-table.js';

const page = readFileSync(hfTypePage, 'utf8');
const { definitions } = createCatalogue().registry;

describe('the table of the types of HF peft', () => {
  it('is what npm run docs:hf-types writes', async () => {
    expect(await insertHfTypes(page, [...definitions.values()])).toBe(page);
  });

  it('has the 45 types of HF peft 0.21 and the one that it renamed', () => {
    expect(hfTypes).toHaveLength(46);
    expect(hfTypes.filter((type) => !page.includes(`\`${type}\``))).toEqual([]);
  });

  it('calls nothing unread that a method reads, and the other way round', () => {
    const read = hfTypes.filter((type) => definitions.get(type)?.fromHfConfig);
    expect(read.filter((type) => unreadHfTypes.has(type))).toEqual([]);
    expect(hfTypes.length).toBe(read.length + unreadHfTypes.size);
  });
});
