import { type HostSpec, PeftError, type PeftMethod, sitesOfKind } from '@tfjs-peft/peft-core';
import {
  floatsOf,
  type MethodDefinition,
  parseConfig,
  rememberPerHost,
  wordTable,
} from '@tfjs-peft/peft-core/authoring';
import {
  type FileCodec,
  hfPath,
  hfSelector,
  type JsonObject,
  rememberWholeValues,
  requireIndices,
  rowsOfTable,
  rowsParameter,
  trainsRows,
} from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import { namespaceEntry, targetEntries } from '../module-entries.js';
import { requireEqual } from '../weight-method-files.js';

const schema = z.strictObject({
  target_modules: targetEntries.target_modules,
  token_indices: z.array(z.int().min(0)).min(1),
  init_weights: z.boolean().default(true),
  name: namespaceEntry('tokens'),
});

/** A validated configuration of `trainableTokens`. */
export type TrainableTokensConfig = z.output<typeof schema>;

/** Makes trainable tokens known by name: type `TRAINABLE_TOKENS`. */
export const trainableTokensDefinition: MethodDefinition<typeof schema> = {
  type: 'TRAINABLE_TOKENS',
  config: schema,
  create: (config) => createTrainableTokens(config),
  fromHfConfig: ({ target_modules: targets, token_indices: indices, init_weights: start }) =>
    ({
      ...(targets != null && { target_modules: targets }),
      ...(indices !== undefined && { token_indices: indices }),
      ...(start !== undefined && { init_weights: start }),
    }) as z.input<typeof schema>,
};

/**
 * Trainable tokens: a few rows of the table of word embeddings are trained. Effective parameters: the differences `[tokens, size]` to the
 * host's rows, which start at zero; HF peft stores the rows themselves.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TOKENS_OUTSIDE`.
 */
export const trainableTokens = (config: z.input<typeof schema>): PeftMethod<TrainableTokensConfig> =>
  createTrainableTokens(parseConfig(schema, config, 'trainableTokens'));

function createTrainableTokens(config: TrainableTokensConfig): PeftMethod<TrainableTokensConfig> {
  const tablesOf = rememberPerHost((host) => selectTables(config, host));
  return {
    type: trainableTokensDefinition.type,
    config,
    ...trainsRows(config.name, tablesOf),
    files: tokenFiles(config, (host) => tablesOf(host).map(({ path }) => path)),
  };
}

/** The tables that the entry names; that of the words if it names none. */
function selectTables({ target_modules: targets, token_indices: tokens }: TrainableTokensConfig, host: HostSpec) {
  const tables = sitesOfKind(host, 'table');
  const words = targets === null && wordTable(host);
  const selects = hfSelector({ targets: targets ?? [], exclude: null, layers: null, layersPattern: null });
  const chosen = words ? [words] : tables.filter(({ path }) => selects(hfPath(host, path)));
  if (chosen.length === 0)
    throw new PeftError('TARGET_UNMATCHED', {
      found: `target_modules: ${JSON.stringify(targets)} name no embedding table of host "${host.name}"`,
      expected: `something like ${tables.map(({ path }) => path).join(', ')}`,
      fix: 'correct the names, or leave them out for the table of the words',
    });
  for (const table of chosen) requireIndices(tokens, table);
  return chosen.map(({ path, size }) => ({ path, size, tokens }));
}

/** Where the word embeddings score the next token as well, HF peft stores the rows once more there. */
const copiesOf = ({ languageModel }: HostSpec) =>
  languageModel?.tied ? ['base_model.model.lm_head.trainable_tokens_delta'] : [];

/** HF peft's `trainable_tokens_delta`: whole rows, in spite of its name. */
function tokenFiles(
  { target_modules: targets, token_indices: tokens, init_weights: start, name: namespace }: TrainableTokensConfig,
  tablesOf: (host: HostSpec) => readonly string[],
): FileCodec {
  const wholeValues = rememberWholeValues();
  const storedName = (host: HostSpec, path: string) => `base_model.model.${hfPath(host, path)}.trainable_tokens_delta`;
  return {
    peftType: 'TRAINABLE_TOKENS',
    headPrefix: 'base_model.model.',
    headless: true,
    hostTensors: (host) => tablesOf(host).map((path) => `${path}.weight`),
    encode: (effective, host, frozen) => ({
      config: {
        init_weights: start,
        target_modules: targets ?? null,
        token_indices: [...tokens],
      } as JsonObject,
      tensors: new Map(
        tablesOf(host).flatMap((path) => {
          const name = storedName(host, path);
          const { shape, data } = effective.get(rowsParameter(namespace, path))!;
          const base = rowsOfTable(tokens, frozen.get(`${path}.weight`)!);
          const whole = { shape, data: wholeValues.write(name, floatsOf({ shape, data }), base) };
          return [name, ...copiesOf(host)].map((stored) => [stored, whole] as const);
        }),
      ),
      differences: [],
    }),
    decode: (tensors, host, frozen) =>
      new Map(
        tablesOf(host).map((path) => {
          const name = storedName(host, path);
          const array = tensors.get(name)!;
          for (const copy of copiesOf(host)) requireEqual(name, copy, tensors);
          const base = rowsOfTable(tokens, frozen.get(`${path}.weight`)!);
          return [
            rowsParameter(namespace, path),
            { shape: array.shape, data: wholeValues.read(name, floatsOf(array), base) },
          ];
        }),
      ),
  };
}
