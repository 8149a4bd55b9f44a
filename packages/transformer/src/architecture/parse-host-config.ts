import { PeftError } from '@tfjs-peft/peft-core';
import { bounds, parseConfig } from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';
import { activationNames, isActivationName } from '../kernels/activations.js';
import { canonicalJson, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';
import { decoderTypes } from './decoder-types.js';
import { familyOf, isModelType, modelTypes } from './families.js';
import type { ConfigEntries, ConfigEntry, EncoderConfig, Family } from './family.js';

type Field = keyof ConfigEntries;

const upTo = (most: number) => z.int().min(1).max(most);
const { host: most } = bounds;
const rate = z.number().min(0).lt(1);
const checks: Readonly<Record<Field, z.ZodType>> = {
  vocabSize: upTo(most.vocabulary),
  hiddenSize: upTo(most.hiddenSize),
  numHiddenLayers: upTo(most.layers),
  numAttentionHeads: upTo(most.hiddenSize),
  intermediateSize: upTo(most.intermediateSize),
  hiddenActivation: z.string(),
  hiddenDropout: rate,
  attentionDropout: rate,
  maxPositionEmbeddings: upTo(most.positions),
  typeVocabSize: upTo(most.tokenTypes),
  layerNormEpsilon: z.number().positive(),
  padTokenId: z.int().min(0).nullable(),
};
/** Keys that change a forward pass in ways that are not implemented. */
const unsupportedKeys = {
  position_embedding_type: z.string().nullish(),
  is_decoder: z.boolean().nullish(),
  add_cross_attention: z.boolean().nullish(),
};

/**
 * Validates the parsed config.json of a host called `name`. Unknown keys are ignored, since HF files hold many that do not matter here.
 * Errors: `HOST_CONFIG_INVALID` (not an object), `CONFIG_INVALID` (wrong types or ranges), `HOST_UNSUPPORTED` (model type, activation, relative
 * positions, decoder, cross attention), `HOST_CONFIG_INCONSISTENT` (sizes that exclude each other).
 */
export function parseHostConfig(json: unknown, name: string): EncoderConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new PeftError('HOST_CONFIG_INVALID', {
      found: `config.json of "${name}" holds ${Array.isArray(json) ? 'a list' : String(json)}`,
      expected: 'an object as HF transformers writes it',
      fix: 'get the file again',
    });
  const modelType = 'model_type' in json ? json.model_type : undefined;
  if (!isModelType(modelType)) throw unknownModelType(modelType, name);
  const family = familyOf(modelType);
  const { config: entries, positions } = family;
  const fields = readFields(entries, json, name);
  const activation = fields.hiddenActivation as string;
  if (!isActivationName(activation)) {
    const found = `${keyOf(entries.hiddenActivation)} "${activation}"`;
    throw unsupported(name, found, `one of ${activationNames.join(', ')}`, 'take another model');
  }
  const config = { ...(fields as unknown as EncoderConfig), modelType, hiddenActivation: activation };
  requireConsistentSizes(config, entries, positions.reservedRows(config.padTokenId), name);
  requireOnly(family, json as JsonObject, name);
  return readOptions(family, json as JsonObject, config, name);
}

/** Refuses values that change the computation in ways that are not implemented. Errors: `HOST_UNSUPPORTED`. */
function requireOnly({ only = {} }: Family, json: JsonObject, name: string): void {
  for (const [key, { absent, allowed }] of Object.entries(only)) {
    const value: Json = json[key] ?? absent;
    if (allowed.some((one) => canonicalJson(one) === canonicalJson(value))) continue;
    throw unsupported(
      name,
      `${key} ${canonicalJson(value).slice(0, 80)}`,
      allowed.map((one) => canonicalJson(one)).join(' or '),
      'take another model of this architecture: this option changes what it computes',
    );
  }
}

/** Errors: `CONFIG_INVALID`, those of the family's reader. */
function readOptions({ options }: Family, json: JsonObject, config: EncoderConfig, name: string): EncoderConfig {
  if (!options) return config;
  const entries = parseConfig(z.object(options.keys), json, `host "${name}" (config.json)`) as JsonObject;
  return { ...config, options: options.read(entries, config) };
}

/** Families that usually have no token types may have none. */
const checkOf = (field: Field, usual: unknown): z.ZodType =>
  field === 'typeVocabSize' && usual === 0 ? z.int().min(0).max(most.tokenTypes) : checks[field];

/** The fields of a family in a config.json, defaults filled in, each of the type that its check says. */
function readFields(entries: ConfigEntries, json: object, name: string): Readonly<Record<Field, unknown>> {
  const all = Object.entries(entries) as [Field, ConfigEntry<unknown>][];
  const ofKeys = all.flatMap(([field, entry]) =>
    'key' in entry ? [[entry.key, checkOf(field, entry.default).optional()] as const] : [],
  );
  const schema = z.object({ ...Object.fromEntries(ofKeys), ...unsupportedKeys });
  const parsed = parseConfig(schema, json, `host "${name}" (config.json)`) as z.output<typeof schema> &
    Readonly<Record<string, unknown>>;
  const positions = parsed.position_embedding_type ?? 'absolute';
  if (positions !== 'absolute') {
    const found = `position_embedding_type "${positions}"`;
    throw unsupported(name, found, '"absolute"', 'take a model with absolute positions');
  }
  if (parsed.is_decoder) throw unsupported(name, 'is_decoder true', 'an encoder', 'take a model with is_decoder false');
  if (parsed.add_cross_attention)
    throw unsupported(name, 'add_cross_attention true', 'no cross attention', 'take an encoder without it');
  const values = all.map(([field, entry]) => [
    field,
    'key' in entry ? (parsed[entry.key] ?? entry.default) : entry.fixed,
  ]);
  return Object.fromEntries(values) as Record<Field, unknown>;
}

function requireConsistentSizes(
  config: EncoderConfig,
  entries: ConfigEntries,
  reservedPositions: number,
  name: string,
): void {
  const { hiddenSize, numAttentionHeads, vocabSize, padTokenId, maxPositionEmbeddings } = config;
  const say = (field: Field) => `${keyOf(entries[field])} ${config[field]}`;
  const inconsistent = (found: string, expected: string) =>
    new PeftError('HOST_CONFIG_INCONSISTENT', {
      found: `config.json of "${name}": ${found}`,
      expected,
      fix: 'get the file that belongs to the weights',
    });
  if (hiddenSize % numAttentionHeads !== 0)
    throw inconsistent(
      `${say('hiddenSize')} with ${say('numAttentionHeads')}`,
      'a hidden size that the number of heads divides',
    );
  if (padTokenId >= vocabSize)
    throw inconsistent(`${say('padTokenId')} with ${say('vocabSize')}`, 'a padding token within the vocabulary');
  if (maxPositionEmbeddings <= reservedPositions)
    throw inconsistent(
      `${say('maxPositionEmbeddings')} with ${say('padTokenId')}`,
      `more than ${reservedPositions} positions, since those up to the padding's are not for text`,
    );
}

const keyOf = (entry: ConfigEntry<unknown>): string => ('key' in entry ? entry.key : 'a fixed value');

function unknownModelType(modelType: unknown, name: string): PeftError {
  // Most names that look like another one's are architectures of their own (albert, camembert): only another spelling is a slip.
  const lettersOf = (type: string) => type.toLowerCase().replace(/[^a-z0-9]/g, '');
  const meant =
    typeof modelType === 'string' && modelType.length < 64
      ? modelTypes.find(
          (known) => lettersOf(known) === lettersOf(modelType.replace(/[-_](base|large|small|tiny|mini)\b.*/i, '')),
        )
      : undefined;
  return unsupported(
    name,
    `model_type ${(JSON.stringify(modelType) ?? 'null').slice(0, 80)}`,
    `one of ${[...modelTypes, ...decoderTypes].join(', ')}`,
    meant === undefined ? 'take a model of one of these types' : `did you mean "${meant}"?`,
  );
}

const unsupported = (name: string, found: string, expected: string, fix: string) =>
  new PeftError('HOST_UNSUPPORTED', { found: `host "${name}" has ${found}`, expected, fix });
