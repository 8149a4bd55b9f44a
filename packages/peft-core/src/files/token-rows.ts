import * as tf from '@tensorflow/tfjs';
import { sumDifferences } from '../combine-parameters.js';
import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { PeftMethod } from '../method.js';
import { getParameter, type NamedArray } from '../parameters.js';

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
const placesOfRows = (tokens: readonly number[], size: number): number[] =>
  tokens.flatMap((token) => Array.from({ length: size }, (_, column) => token * size + column));

/** A table with the tokens whose rows are trained. */
export interface TokenTable {
  readonly path: string;
  readonly size: number;
  readonly tokens: readonly number[];
}

/** Name of the differences of a table's rows, `[tokens, size]`. */
export const rowsParameter = (namespace: string, path: string): string => `${namespace}.${path}.rows`;

/** What methods share that train single rows of tables: differences `[tokens, size]` to the host's rows, which start at zero. */
export const trainsRows = (
  namespace: string,
  tablesOf: (host: HostSpec) => readonly TokenTable[],
): Pick<PeftMethod, 'namespaces' | 'kinds' | 'plan' | 'intervene' | 'combine'> => ({
  namespaces: [namespace],
  kinds: ['sparseWeightDelta'],
  plan(host) {
    const specs = tablesOf(host).map(({ path, size, tokens }) => ({
      name: rowsParameter(namespace, path),
      shape: [tokens.length, size],
      site: path,
      perExample: 'outputs' as const,
    }));
    return {
      raw: specs.map(({ name, shape }) => ({ name, shape, initial: { kind: 'constant', value: 0 } })),
      effective: specs,
    };
  },
  intervene: (effective, { host }) =>
    tablesOf(host).map(({ path, size, tokens }) => ({
      kind: 'sparseWeightDelta',
      path,
      indices: tf.tensor1d(placesOfRows(tokens, size), 'int32'),
      values: getParameter(effective, rowsParameter(namespace, path)).reshape([-1]),
    })),
  combine: (members, { strategy }) => sumDifferences(members, strategy),
});
