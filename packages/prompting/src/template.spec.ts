import { describe, expect, it } from '@jest/globals';
import { taskPrompts } from './task-prompts.js';
import { parseTemplate } from './template.js';

describe('parseTemplate', () => {
  it('reads all forms of texts, separators and literals', () => {
    expect(parseTemplate('*cls**+sentl-_0*?*mask*,_so_*sent_1**sep+*').pieces).toEqual([
      { kind: 'cls' },
      { kind: 'text', index: 0, leadingSpace: true, dropLast: true, firstLetter: 'lower' },
      { kind: 'literal', text: '?' },
      { kind: 'mask' },
      { kind: 'literal', text: ', so ' },
      { kind: 'text', index: 1, leadingSpace: false, dropLast: false, firstLetter: 'as-is' },
      { kind: 'nextSegment' },
    ]);
    expect(parseTemplate('*mask**sentu_0*').pieces[1]).toMatchObject({ firstLetter: 'upper' });
  });

  it('reads the templates of all tasks', () => {
    for (const { template, words } of Object.values(taskPrompts)) {
      expect(parseTemplate(template).texts).toBeLessThanOrEqual(2);
      expect(new Set(words).size).toBe(words.length);
    }
  });
});
