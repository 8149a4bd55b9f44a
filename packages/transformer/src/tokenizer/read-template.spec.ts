import { describe, expect, it } from '@jest/globals';
import type { Json } from '@tfjs-peft/peft-core/files';
import { countSpecials, readTemplate, type TemplatePiece } from './read-template.js';

/** One line a template: `101:0 A:0 102:0`. */
const show = (pieces: readonly TemplatePiece[]) =>
  pieces
    .map(
      (piece) =>
        `${piece.kind === 'special' ? piece.ids.join('+') : piece.which === 'first' ? 'A' : 'B'}:${piece.typeId}`,
    )
    .join(' ');
const both = (postProcessor: Json) => {
  const { single, pair } = readTemplate(postProcessor);
  return [show(single), show(pair)];
};
const ends = { cls: ['[CLS]', 101], sep: ['[SEP]', 102] };
const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });

describe('readTemplate', () => {
  it('reads BertProcessing', () => {
    expect(both({ type: 'BertProcessing', ...ends })).toEqual(['101:0 A:0 102:0', '101:0 A:0 102:0 B:1 102:1']);
  });

  it('reads RobertaProcessing: two separators, one token type', () => {
    const roberta = { type: 'RobertaProcessing', ...ends };
    const expected = ['101:0 A:0 102:0', '101:0 A:0 102:0 102:0 B:0 102:0'];
    expect(both(roberta)).toEqual(expected);
    expect(both({ type: 'Sequence', processors: [roberta, { type: 'ByteLevel' }] })).toEqual(expected);
  });

  it('reads TemplateProcessing, also with several ids a token and the second text first', () => {
    const template = {
      type: 'TemplateProcessing',
      single: [special('start', 2), sequence('A', 3)],
      pair: [sequence('B', 1), special('start', 0), sequence('A', 0)],
      special_tokens: { start: { id: 'start', ids: [7, 8], tokens: ['s', 't'] } },
    };
    expect(both(template)).toEqual(['7+8:2 A:3', 'B:1 7+8:0 A:0']);
    expect(countSpecials(readTemplate(template).pair)).toBe(2);
  });

  it('adds nothing without a post-processor', () => {
    expect(both(null)).toEqual(['A:0', 'A:0 B:1']);
    expect(both({ type: 'ByteLevel' })).toEqual(['A:0', 'A:0 B:1']);
  });

  it.each([
    [{ type: 'TemplateProcessing', single: [special('lost', 0)], pair: [], special_tokens: {} }, /lost.*without ids/],
    [{ type: 'TemplateProcessing', single: 'A', pair: [] }, /"single" is not a list/],
    [{ type: 'BertProcessing', cls: ['[CLS]', 101] }, /no ids/],
    [
      { type: 'TemplateProcessing', single: [sequence('A', 0), sequence('A', 0)], pair: [] },
      /the text A more than once/,
    ],
    [{ type: 'TemplateProcessing', single: [sequence('A', 0), sequence('B', 0)], pair: [] }, /the text B too often/],
    [
      {
        type: 'TemplateProcessing',
        single: [sequence('A', 0)],
        pair: [sequence('A', 0), sequence('B', 0), sequence('B', 1)],
      },
      /"pair" has the text B too often/,
    ],
    [{ type: 'Telepathy' }, /Telepathy/],
    [
      {
        type: 'Sequence',
        processors: [
          { type: 'BertProcessing', ...ends },
          { type: 'RobertaProcessing', ...ends },
        ],
      },
      /several/,
    ],
  ] as [Json, RegExp][])('refuses %j', (postProcessor, message) => {
    expect(() => readTemplate(postProcessor)).toThrow(message);
  });
});
