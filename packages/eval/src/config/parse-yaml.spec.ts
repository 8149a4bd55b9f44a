import { describe, expect, it } from '@jest/globals';
import { parseYaml, yamlLimits } from './parse-yaml.js';

const quickly = (act: () => unknown) => {
  const started = process.cpuUsage();
  expect(act).toThrow();
  expect(process.cpuUsage(started).user / 1000).toBeLessThan(3000);
};

describe('parseYaml', () => {
  it('reads YAML and JSON', () => {
    expect(parseYaml('a: 1\nb: [x, {c: null}]\n')).toEqual({ a: 1, b: ['x', { c: null }] });
    expect(parseYaml('{"a": {"b": [1.5, true]}}')).toEqual({ a: { b: [1.5, true] } });
    expect(parseYaml('')).toBeNull();
  });

  it('says where it is wrong', () => {
    expect(() => parseYaml('a: 1\nb: [')).toThrow(/at line 2, column \d/);
    expect(() => parseYaml('a: 1\nb: 2\na: 3\n')).toThrow('Map keys must be unique; "a" is not at line 3, column 1');
    expect(() => parseYaml('x: &a [1]\ny: *a\n')).toThrow(/alias/i);
    expect(parseYaml('x: &a [1]\ny: *a\n', { maxAliasCount: 100 })).toEqual({ x: [1], y: [1] });
  });

  it('takes many keys in time that grows with their number', () => {
    const keys = Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n');
    const started = process.cpuUsage();
    expect(Object.keys(parseYaml(keys) as object)).toHaveLength(60_000);
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(5000);
    quickly(() => parseYaml(`{${'a,'.repeat(50_000)}a}`));
  });

  it('refuses what is too long or too deep', () => {
    expect(() => parseYaml(' '.repeat(yamlLimits.characters + 1))).toThrow('1000001 characters');
    expect(() => parseYaml(`${'['.repeat(200)}${']'.repeat(200)}`)).toThrow(/Nested too deeply|resolve/);
    quickly(() => parseYaml(`${'['.repeat(100_000)}${']'.repeat(100_000)}`));
    quickly(() => parseYaml('['.repeat(100_000)));
    quickly(() => parseYaml('- '.repeat(100_000)));
  });
});
