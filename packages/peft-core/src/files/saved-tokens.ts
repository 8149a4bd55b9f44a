import * as z from 'zod';
import { PeftError } from '../errors.js';
import type { FileCodec } from '../file-codec.js';
import { type HostSpec, sitesOfKind } from '../host-spec.js';
import { briefJson } from '../json/brief-json.js';
import type { JsonObject } from '../json/json.js';
import type { PeftMethod } from '../method.js';
import { floatsOf } from '../parameters.js';
import { type MethodDefinition, parseConfig } from '../registry.js';
import { rememberPerHost } from '../remember-per-host.js';
import { hfPath } from './module-names.js';
import { requireIndices, rowsOfTable, rowsParameter, type TokenTable, trainsRows } from './token-rows.js';
import { rememberWholeValues } from './whole-values.js';

const tokenList = z.array(z.int().min(0)).min(1);
const schema = z.strictObject({
  /** HF peft's entry: token ids of the word embeddings, or a list of ids for each end of a table's name. */
  trainable_token_indices: z.union([tokenList, z.record(z.string().min(1), tokenList)]),
  /** Namespace of the parameters. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('saved_tokens'),
});

/** A validated configuration of `savedTokens`. */
export type SavedTokensConfig = z.output<typeof schema>;

/** Makes saved tokens known by name: type `SAVED_TOKENS`. */
export const savedTokensDefinition: MethodDefinition<typeof schema> = {
  type: 'SAVED_TOKENS',
  config: schema,
  create: (config) => createSavedTokens(config),
};

/**
 * Single rows of embedding tables that HF peft trains beside a LoRA (`trainable_token_indices`). Effective parameters: the differences
 * `[tokens, size]` to the host's rows, which start at zero. It is stored in the folder of the LoRA, as whole rows.
 * Errors: `CONFIG_INVALID`; `plan`: `CONFIG_KEY_UNSUPPORTED` for names that mean no table or one twice, `TOKENS_OUTSIDE`.
 */
export const savedTokens = (config: z.input<typeof schema>): PeftMethod<SavedTokensConfig> =>
  createSavedTokens(parseConfig(schema, config, 'savedTokens'));

function createSavedTokens(config: SavedTokensConfig): PeftMethod<SavedTokensConfig> {
  const tablesOf = rememberPerHost((host) => findTables(config, host));
  return {
    type: savedTokensDefinition.type,
    config,
    ...trainsRows(config.name, tablesOf),
    files: tokenFiles(config, tablesOf),
  };
}

/** HF peft takes every module whose name ends with a key, and the word embeddings, the first table, for a list. */
function findTables({ trainable_token_indices: entry }: SavedTokensConfig, host: HostSpec): TokenTable[] {
  const tables = sitesOfKind(host, 'table');
  const found = Array.isArray(entry)
    ? tables.slice(0, 1).map((table) => ({ ...table, tokens: entry }))
    : Object.entries(entry).flatMap(([end, tokens]) => {
        const hits = tables.filter(({ path }) => hfPath(host, path).endsWith(end));
        if (hits.length === 0) throw unsupported(end, 'is no embedding table', host);
        return hits.map((table) => ({ ...table, tokens }));
      });
  const paths = found.map(({ path }) => path);
  const twice = paths.find((path, place) => paths.indexOf(path) !== place);
  if (twice !== undefined) throw unsupported(twice, 'is meant by two entries', host);
  for (const table of found) requireIndices(table.tokens, table);
  return found;
}

const unsupported = (name: string, why: string, host: HostSpec) =>
  new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `"trainable_token_indices": ${briefJson(name)} ${why} of host "${host.name}"`,
    expected: `each once: ${sitesOfKind(host, 'table')
      .map(({ path }) => path)
      .join(', ')}`,
    fix: 'train the adapter again with tokens of these tables alone',
  });

/** The name of a table's trained rows in files of HF peft. */
const rowsName = (host: HostSpec, path: string) =>
  `base_model.model.${hfPath(host, path)}.token_adapter.trainable_tokens_delta`;

/** HF peft's `trainable_tokens_delta`: whole rows, in spite of its name. */
function tokenFiles(config: SavedTokensConfig, tablesOf: (host: HostSpec) => readonly TokenTable[]): FileCodec {
  const wholeValues = rememberWholeValues();
  return {
    peftType: savedTokensDefinition.type,
    headPrefix: 'base_model.model.',
    beside: true,
    besideTypes: ['LORA'],
    hostTensors: (host) => tablesOf(host).map(({ path }) => `${path}.weight`),
    encode: (effective, host, frozen) => ({
      config: { trainable_token_indices: structuredClone(config.trainable_token_indices) } as JsonObject,
      tensors: new Map(
        tablesOf(host).map(({ path, tokens }) => {
          const difference = effective.get(rowsParameter(config.name, path))!;
          const base = rowsOfTable(tokens, frozen.get(`${path}.weight`)!);
          const data = wholeValues.write(path, floatsOf(difference), base);
          return [rowsName(host, path), { shape: difference.shape, data }];
        }),
      ),
      differences: [],
    }),
    decode: (tensors, host, frozen) =>
      new Map(
        tablesOf(host).map(({ path, tokens }) => {
          const stored = tensors.get(rowsName(host, path))!;
          const base = rowsOfTable(tokens, frozen.get(`${path}.weight`)!);
          return [
            rowsParameter(config.name, path),
            { shape: stored.shape, data: wholeValues.read(path, floatsOf(stored), base) },
          ];
        }),
      ),
  };
}
