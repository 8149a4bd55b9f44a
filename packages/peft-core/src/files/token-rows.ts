import * as tf from '@tensorflow/tfjs';
import { sumDifferences } from '../combine-parameters.js';
import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { CombineMember, PeftMethod } from '../method.js';
import { getParameter, type NamedArray, type NamedArrays } from '../parameters.js';

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

/** What a method that trains rows says of itself: names and shapes of its parameters do not say which tokens they stand for. */
interface TrainsRows extends Pick<PeftMethod, 'namespaces' | 'kinds' | 'plan' | 'intervene' | 'combine'> {
  tokenTables(host: HostSpec): readonly TokenTable[];
}

/** What methods share that train single rows of tables: differences `[tokens, size]` to the host's rows, which start at zero. */
export const trainsRows = (namespace: string, tablesOf: (host: HostSpec) => readonly TokenTable[]): TrainsRows => ({
  namespaces: [namespace],
  tokenTables: tablesOf,
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
  combine(members, options, host) {
    const tables = tablesOf(host);
    return sumDifferences(
      members.map((member) => ({ ...member, effective: inOrderOf(tables, namespace, member, host) })),
      options,
    );
  },
});

/** A member's rows in the order of the tokens of these tables. Errors: `COMBINE_MISMATCH` for other tables or tokens. */
function inOrderOf(
  tables: readonly TokenTable[],
  namespace: string,
  { method, effective }: CombineMember,
  host: HostSpec,
): NamedArrays {
  const own = (method as Partial<TrainsRows>).tokenTables?.(host) ?? [];
  const described = (list: readonly TokenTable[]) =>
    list
      .map(({ path, tokens }) => `${path} ${[...tokens].sort((a, b) => a - b).join(', ')}`)
      .sort()
      .join('; ');
  if (described(own) !== described(tables))
    throw new PeftError('COMBINE_MISMATCH', {
      found: `rows of ${described(tables)} in one adapter and of ${described(own) || 'no table'} in another`,
      expected: 'adapters that train the same tokens of the same tables',
      fix: 'combine adapters for the same tokens, or merge all but one into the host with mergeAdapter',
    });
  const placesIn = new Map(
    own.map(({ path, tokens }) => [path, new Map(tokens.map((token, place) => [token, place]))]),
  );
  return new Map(
    tables.map(({ path, tokens }) => {
      const name = rowsParameter(namespace, path);
      const rows = effective.get(name)!;
      const places = tokens.map((token) => placesIn.get(path)!.get(token)!);
      return [name, { shape: rows.shape, data: rowsOfTable(places, rows) }];
    }),
  );
}
