import { describe, expect, it } from '@jest/globals';
import { createStream, type PeftMethod } from '@tfjs-peft/peft-core';
import { drawCoefficients } from './draw-coefficients.js';
import { parseDistribution } from './parse-distribution.js';
import { subspace } from './subspace.js';

const method: PeftMethod = {
  type: 'NOTHING',
  config: {},
  namespaces: ['nothing'],
  plan: () => ({ raw: [], effective: [] }),
  intervene: () => [],
};

describe('parseDistribution', () => {
  it('reads the three laws', () => {
    expect(parseDistribution('flat')).toEqual({ law: 'flat' });
    expect(parseDistribution('corner')).toEqual({ law: 'corner' });
    for (const [text, concentration] of [
      ['5', 5],
      ['0.4', 0.4],
      ['.25', 0.25],
      ['1000000', 1e6],
      ['0.000001', 1e-6],
    ] as const)
      expect(parseDistribution(`dirichlet:${text}`)).toEqual({ law: 'dirichlet', concentration });
  });

  it.each([
    '0',
    '-1',
    '1e3',
    '',
    '.',
    '1.',
    'Infinity',
    'NaN',
    '1000001',
    '0.0000001',
    '9'.repeat(309),
    `.${'0'.repeat(400)}1`,
  ])('refuses dirichlet:%s, wherever it comes from', (text) => {
    const distribution = `dirichlet:${text}`;
    const error = expect.objectContaining({ code: 'CONFIG_INVALID' });
    for (const ask of [
      () => parseDistribution(distribution),
      () => subspace(method, { distribution }),
      () => drawCoefficients(createStream(1), 1, 2, distribution),
    ])
      expect(ask).toThrow(error);
  });

  it('refuses a long text at once', () => {
    const before = performance.now();
    expect(() => subspace(method, { distribution: `dirichlet:${'9'.repeat(2 ** 20)}x` })).toThrow(/distribution/);
    expect(performance.now() - before).toBeLessThan(1000);
  });

  it('draws at the ends of what it reads', () => {
    const drawn = (text: string) => [...drawCoefficients(createStream(1), 50, 2, `dirichlet:${text}`)];
    for (const a of drawn('1000000')) expect(Math.abs(a - 0.5)).toBeLessThan(0.01);
    for (const a of drawn('0.000001')) expect(Math.min(a, 1 - a)).toBeLessThan(1e-6);
  });
});
