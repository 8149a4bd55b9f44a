import { PeftError } from '../errors.js';
import type { NamedArray } from '../parameters.js';

/** Rows that a table has, each once. Errors: `TOKENS_OUTSIDE`. */
export function requireIndices(
  tokens: readonly number[],
  { path, rows }: { readonly path: string; readonly rows: number },
): void {
  const seen = new Set<number>();
  const outside = tokens.find((token) => token >= rows);
  const twice = tokens.find((token) => seen.size === seen.add(token).size);
  if (outside === undefined && twice === undefined) return;
  throw new PeftError('TOKENS_OUTSIDE', {
    found: `token ${outside ?? twice}${outside === undefined ? ' twice' : ''} of the ${rows} rows of ${path}`,
    expected: `different tokens from 0 to ${rows - 1}`,
    fix: 'load the adapter on the host it was made for: one with added tokens has more rows',
  });
}

/** The rows of these tokens in a table `[rows, size]`, one behind the other. */
export function rowsOfTable(tokens: readonly number[], { shape, data }: NamedArray): Float32Array {
  const size = shape[1]!;
  const rows = new Float32Array(tokens.length * size);
  tokens.forEach((token, place) => rows.set(data.subarray(token * size, (token + 1) * size), place * size));
  return rows;
}

/** Where the numbers of these rows stand in the flattened table. */
export const placesOfRows = (tokens: readonly number[], size: number): number[] =>
  tokens.flatMap((token) => Array.from({ length: size }, (_, column) => token * size + column));
