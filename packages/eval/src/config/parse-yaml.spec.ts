import { isPeftError } from '@tfjs-peft/peft-core';
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

  it('takes many keys in time that grows with their number', () => {
    const keys = Array.from({ length: 7000 }, (_, i) => `k${i}: 1`).join('\n');
    const started = process.cpuUsage();
    expect(Object.keys(parse(keys) as object)).toHaveLength(7000);
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(4000);
  });

  it('refuses what is too long or too deep', () => {
    expect(() => parse(' '.repeat(yamlLimits.characters + 1))).toThrow(`${yamlLimits.characters + 1} characters`);
    expect(() => parse(`${'['.repeat(200)}${']'.repeat(200)}`)).toThrow(/Nested too deeply|resolve/);
  });

  it.each([
    ['one key many times', `{${'a,'.repeat(30_000)}a}`],
    ['depth', '['.repeat(60_000)],
    ['closed depth', `${'['.repeat(30_000)}${']'.repeat(30_000)}`],
    ['lists in lists', '- '.repeat(30_000)],
    ['maps in maps', '{a: '.repeat(15_000)],
    ['keys of keys', '? '.repeat(30_000)],
  ])('takes little time for %s', (_, text) => {
    const start = process.cpuUsage();
    try {
      parse(text);
    } catch (error) {
      expect(isPeftError(error)).toBe(true);
    }
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(4000);
  });
});
