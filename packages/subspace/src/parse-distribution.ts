import { PeftError } from '@tfjs-peft/peft-core';

/** The law of the coefficients: uniform on the simplex, one vertex, or a symmetric Dirichlet. */
export type Distribution =
  { readonly law: 'flat' | 'corner' } | { readonly law: 'dirichlet'; readonly concentration: number };

/** Beyond these a draw is a corner, or the midpoint, to the last bit of a float32. */
const least = 1e-6;
const most = 1e6;

export const expectedDistribution = `flat, corner or dirichlet:<concentration>, a positive number from ${least} to ${most}`;

/** Undefined for a text that is none. Takes no longer than the text is long. */
export function readDistribution(text: string): Distribution | undefined {
  if (text === 'flat' || text === 'corner') return { law: text };
  const digits = /^dirichlet:(\d+(?:\.\d+)?|\.\d+)$/.exec(text)?.[1];
  const concentration = Number(digits);
  return concentration >= least && concentration <= most ? { law: 'dirichlet', concentration } : undefined;
}

/** Errors: `CONFIG_INVALID`. */
export function parseDistribution(text: string): Distribution {
  const distribution = readDistribution(text);
  if (distribution) return distribution;
  throw new PeftError('CONFIG_INVALID', {
    found: `the distribution ${JSON.stringify(text.slice(0, 100))}`,
    expected: expectedDistribution,
  });
}
