import { PeftError } from '@tfjs-peft/peft-core';

/** Rows that a table has, each once. Errors: `TOKENS_OUTSIDE`. */
export function requireIndices(
  tokens: readonly number[],
  { path, rows }: { readonly path: string; readonly rows: number },
): void {
  const outside = tokens.find((token) => token >= rows);
  const twice = tokens.find((token, place) => tokens.indexOf(token) !== place);
  if (outside === undefined && twice === undefined) return;
  throw new PeftError('TOKENS_OUTSIDE', {
    found: `token ${outside ?? twice}${outside === undefined ? ' twice' : ''} of the ${rows} rows of ${path}`,
    expected: `different tokens from 0 to ${rows - 1}`,
    fix: 'load the adapter on the host it was made for: one with added tokens has more rows',
  });
}
