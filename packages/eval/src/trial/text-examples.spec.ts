import { describe, expect, it } from '@jest/globals';
import type { LabelledText } from '@tfjs-peft/glue-fewshot';
import { parseGeneration } from '@tfjs-peft/transformer';
import { describeCutTexts, languageExamples, promptsOf, textLimits, type TextSession } from './text-examples.js';

/** Each character is a token; texts end with 0. `begin` stands before every text, if there is one. */
function sessionOf(
  template: string,
  maxTokens: number,
  maxNewTokens: number,
  begin: readonly number[] = [],
  normalise = (text: string) => text,
): TextSession {
  const tokenizer = {
    encode: (text: string) => ({ inputIds: [...begin, ...[...normalise(text)].map((letter) => letter.charCodeAt(0))] }),
    decode: (ids: readonly number[]) => String.fromCharCode(...ids),
  };
  return {
    tokenizer,
    maxTokens,
    generation: parseGeneration({ maxNewTokens }),
    host: { spec: {}, decoder: {}, continue: () => undefined, config: { endTokenIds: [0] } },
    data: { kind: 'texts', template, stop: [], loaded: { task: { fields: ['source', 'aspect'] } } },
  } as unknown as TextSession;
}
const row = (texts: readonly string[], reference: string): LabelledText => ({
  row: 0,
  texts,
  label: 0,
  references: [reference, 'another'],
});
const textOf = (ids: readonly number[]) => String.fromCharCode(...ids);

describe('prompts', () => {
  it('lose the end of their longest field where they are too long, never the template', () => {
    const session = sessionOf('{source} ({aspect}):', 30, 10);
    const rows = [row(['abc', 'x'], 'r'), row(['0123456789abcdefghij', 'why'], 'r')];
    const prompts = promptsOf(session, rows);
    expect(prompts.map(textOf)).toEqual(['abc (x):', expect.stringMatching(/^0123\w* \(why\):$/)]);
    expect(prompts[1]!.length).toBeLessThanOrEqual(20);
    expect(prompts[1]!.length).toBeGreaterThan(15);
    expect(describeCutTexts(session, rows)).toContain('1 of 2 prompts are longer than 20 tokens');
    expect(describeCutTexts(session, rows.slice(0, 1))).toBeUndefined();
    expect(describeCutTexts(session, [row(['abc', 'x'], 'a long reference')])).toMatch(/^1 of 1 references are longer/);
  });

  it('keep the end of a template that is too long by itself', () => {
    const prompts = promptsOf(sessionOf('a very long template indeed:', 20, 10), [row(['', ''], 'r')]);
    expect(textOf(prompts[0]!)).toBe('te indeed:');
  });

  it('need room', () => {
    expect(() => textLimits(sessionOf('', 20, 13))).toThrow('room for a prompt');
    expect(textLimits(sessionOf('', 20, 12))).toEqual({ maxTokens: 20, maxNewTokens: 12 });
  });
});

describe('examples of the next token', () => {
  it('learn the first reference after the prompt, and the token that ends it', () => {
    const example = languageExamples(sessionOf('{source}:', 40, 12, [7]), [row(['ab', 'x'], 'yes')])[0]![0]!;
    const { text, weights, bytes } = example;
    expect(text.inputIds).toEqual([7, ...[...'ab: yes'].map((letter) => letter.charCodeAt(0)), 0]);
    expect(weights).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(bytes).toBe(4);
  });

  it('put no blank after a template that ends with one, and cut what is too long', () => {
    const example = languageExamples(sessionOf('{source}\n', 30, 5), [row(['ab', 'x'], 'a long text')])[0]![0]!;
    expect(textOf(example.text.inputIds)).toBe('ab\na lon');
    // Bytes are those of what is left.
    expect(example.bytes).toBe(5);
  });

  it('stand in the middle of a text, where a tokenizer marks the beginning of one', () => {
    const marked = (text: string) => `_${text.replaceAll(' ', '_')}`;
    const session = sessionOf('{source}:', 40, 12, [], marked);
    const example = languageExamples(session, [row(['ab', 'x'], 'yes')])[0]![0]!;
    expect(textOf(example.text.inputIds)).toBe('_ab:_yes\u0000');
  });

  it('predict every token of a whole text once, in windows', () => {
    const [windows] = languageExamples(sessionOf('', 8, 64), [row([], 'The quick brown fox.')]);
    const predicted = windows!.flatMap(({ text, weights }) => text.inputIds.filter((_, at) => weights[at]! > 0));
    expect(textOf(predicted)).toBe('The quick brown fox.');
    expect(windows!.every(({ text }) => text.inputIds.length <= 8)).toBe(true);
    expect(windows![0]!.text.inputIds[0]).toBe(0);
    expect(windows!.reduce((sum, { bytes }) => sum + bytes!, 0)).toBe(20);
  });
});
