import { describe, expect, it } from '@jest/globals';
import { methodScales } from './plot-theme.js';

describe('methodScales', () => {
  it('tells more methods apart than there are colours', () => {
    const methods = Array.from({ length: 20 }, (_, index) => `m${index}`);
    const { color, strokeDash } = methodScales(methods);
    expect(new Set(methods.map((_, index) => `${color.range[index]} ${String(strokeDash.range[index])}`)).size).toBe(
      20,
    );
    expect(new Set(methodScales(methods.slice(0, 6)).strokeDash.range.map(String)).size).toBe(1);
  });
});
