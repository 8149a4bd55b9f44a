import { describe, expect, it } from '@jest/globals';
import { parseYaml, yamlLimits } from './parse-yaml.js';

const parse = (text: string, aliases?: number) => parseYaml(text, 'f', aliases === undefined ? {} : { aliases });

describe('parseYaml', () => {
  it('reads YAML and JSON', () => {
    expect(parse('a: 1\nb: [x, {c: null}]\n')).toEqual({ a: 1, b: ['x', { c: null }] });
    expect(parse('{"a": {"b": [1.5, true]}}')).toEqual({ a: { b: [1.5, true] } });
    expect(parse('')).toBeNull();
  });

  it('says where it is wrong', () => {
    expect(() => parse('a: 1\nb: [')).toThrow(/"f" cannot be read: .* at line 2, column \d/);
    expect(() => parse('a: 1\nb: 2\na: 3\n')).toThrow('the key "a" is there twice or is no text at line 3, column 1');
    expect(() => parse('x: &a [1]\ny: *a\n')).toThrow(/alias/i);
    expect(parse('x: &a [1]\ny: *a\n', 100)).toEqual({ x: [1], y: [1] });
  });

  it('takes many keys', () => {
    const keys = Array.from({ length: 7000 }, (_, i) => `k${i}: 1`).join('\n');
    expect(Object.keys(parse(keys) as object)).toHaveLength(7000);
  });

  it('refuses what is too long or too deep', () => {
    expect(() => parse(' '.repeat(yamlLimits.characters + 1))).toThrow(`${yamlLimits.characters + 1} characters`);
    const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(() => parse(deep(yamlLimits.depth - 1))).not.toThrow();
    expect(() => parse(deep(yamlLimits.depth))).toThrow('Nested too deeply at line 1, column 100');
  });

  it('refuses one key many times', () => {
    expect(() => parse(`{${'a,'.repeat(30_000)}a}`)).toThrow('the key "a" is there twice');
  });

  it.each([
    ['depth', '['.repeat(60_000)],
    ['closed depth', `${'['.repeat(30_000)}${']'.repeat(30_000)}`],
    ['lists in lists', '- '.repeat(30_000)],
    ['maps in maps', '{a: '.repeat(15_000)],
    ['keys of keys', '? '.repeat(30_000)],
  ])('does not descend into %s', (_, text) => {
    expect(() => parse(text)).toThrow('Nested too deeply at line 1');
  });

  it('takes one document', () => {
    expect(() => parse('a: 1\n---\nb: 2\n')).toThrow('A second document begins at line 2, column 1');
  });
});
