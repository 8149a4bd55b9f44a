import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { builtInPresets } from '@tfjs-peft/eval/methods';
import { insertPresets, presetPage } from './preset-table.js';

const page = readFileSync(presetPage, 'utf8');

describe('the table of presets in the README of eval', () => {
  it('is what npm run docs:presets writes', async () => {
    expect(await insertPresets(page, builtInPresets)).toBe(page);
  });

  it('names every preset', () => {
    expect(builtInPresets.filter(({ name }) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it('has a place in the page', async () => {
    await expect(insertPresets('# Another page', builtInPresets)).rejects.toThrow('no place');
  });
});
