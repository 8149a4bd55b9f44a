import { PeftError } from '@tfjs-peft/peft-core';
import { bounds, parseConfig } from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';
import { decoderTypes, isDecoderType } from '../architecture/decoder-types.js';
import { activationNames, isActivationName } from '../kernels/activations.js';
import { decoderFamilyOf } from './families.js';
import type { DecoderConfig, DecoderFamily } from './family.js';
import { rotaryTypeOf } from './rotary-base.js';

const { host: most } = bounds;
const upTo = (limit: number) => z.int().min(1).max(limit);
const rate = z.number().min(0).lt(1);

const sizesFirst = z.looseObject({ hiddenSize: upTo(most.hiddenSize), numAttentionHeads: upTo(most.hiddenSize) });

const checked = z.looseObject({
  vocabSize: upTo(most.vocabulary),
  hiddenSize: upTo(most.hiddenSize),
  numHiddenLayers: upTo(most.layers),
  numAttentionHeads: upTo(most.hiddenSize),
  numKeyValueHeads: upTo(most.hiddenSize),
  headSize: z.number().positive(),
  intermediateSize: upTo(most.intermediateSize),
  hiddenActivation: z.string(),
  embeddingDropout: rate,
  hiddenDropout: rate,
  attentionDropout: rate,
  maxPositionEmbeddings: upTo(most.positions),
  layerNormEpsilon: z.number().positive(),
  rotaryBase: z.number().positive().nullable(),
  tiedEmbeddings: z.boolean(),
  padTokenId: z.int().min(0),
  endTokenIds: z.array(z.int().min(0)),
});

/**
 * Validates the parsed config.json of a decoder called `name`. Unknown keys are ignored, since HF files hold many that do not matter here.
 * Errors: `HOST_UNSUPPORTED` (model type, activation, sliding windows, scaled rotary positions, mixtures of experts and what else is not
 * computed here), `CONFIG_INVALID` (wrong types or ranges), `HOST_CONFIG_INCONSISTENT` (sizes that exclude each other).
 */
export function parseDecoderConfig(json: unknown, name: string): DecoderConfig {
  const entries = (typeof json === 'object' && json !== null ? json : {}) as Readonly<Record<string, unknown>>;
  const modelType = entries['model_type'];
  if (!isDecoderType(modelType))
    throw unsupported(name, `model_type ${JSON.stringify(modelType) ?? 'null'}`, `one of ${decoderTypes.join(', ')}`);
  const family = decoderFamilyOf(modelType);
  requireSupported(entries, family, name);
  const fields = Object.entries(family.config).map(([field, { key, default: usual }]) => [
    field,
    entries[key] ?? usual,
  ]);
  const plain = Object.fromEntries(fields) as Readonly<Record<string, unknown>>;
  const file = `host "${name}" (config.json)`;
  // Others are reckoned from them.
  const sizes = parseConfig(sizesFirst, plain, file);
  const intermediateSize = plain['intermediateSize'] ?? 4 * sizes.hiddenSize;
  const endTokenIds = [entries['eos_token_id'] ?? []].flat();
  const whole = { ...plain, intermediateSize, ...family.rest(entries, sizes), endTokenIds };
  const parsed = parseConfig(checked, whole, file) as unknown as Omit<DecoderConfig, 'modelType'>;
  const { hiddenActivation: activation } = parsed;
  if (!isActivationName(activation))
    throw unsupported(
      name,
      `${family.config.hiddenActivation.key} "${String(activation)}"`,
      `one of ${activationNames.join(', ')}`,
    );
  const config = { ...parsed, modelType };
  requireConsistentSizes(config, name);
  return config;
}

/** Errors: `HOST_UNSUPPORTED`. */
function requireSupported(json: Readonly<Record<string, unknown>>, family: DecoderFamily, name: string): void {
  for (const { key, allowed, meaning } of family.requiredValues) {
    const value = json[key];
    if (value != null && !allowed.includes(value))
      throw unsupported(name, `${key} ${JSON.stringify(value)}, ${meaning}`, `${key} ${JSON.stringify(allowed[0])}`);
  }
  const { layer_types: types } = json;
  const other = Array.isArray(types) ? (types as unknown[]).find((type) => type !== 'full_attention') : undefined;
  if (other !== undefined)
    throw unsupported(name, `layers of type ${JSON.stringify(other)} (layer_types)`, '"full_attention" in all layers');
  if (rotaryTypeOf(json) !== 'default' && family.modules.positions === undefined)
    throw unsupported(name, `rotary positions of type ${JSON.stringify(rotaryTypeOf(json))}`, '"default": not scaled');
}

function requireConsistentSizes(config: DecoderConfig, name: string): void {
  const { numAttentionHeads: heads, numKeyValueHeads: groups, headSize, hiddenSize, padTokenId, vocabSize } = config;
  const inconsistent = (found: string, expected: string) =>
    new PeftError('HOST_CONFIG_INCONSISTENT', {
      found: `config.json of "${name}": ${found}`,
      expected,
      fix: 'get the file that belongs to the weights',
    });
  if (!Number.isInteger(headSize))
    throw inconsistent(
      `a hidden size of ${hiddenSize} with ${heads} heads`,
      'a hidden size that the number of heads divides',
    );
  if (config.rotaryBase !== null && headSize % 2 !== 0)
    throw inconsistent(`heads of size ${headSize} with rotary positions`, 'an even size');
  if (heads % groups !== 0)
    throw inconsistent(`${heads} heads of queries with ${groups} of keys and values`, 'a multiple');
  if (padTokenId >= vocabSize)
    throw inconsistent(`pad_token_id ${padTokenId} with ${vocabSize} words`, 'a padding token within the vocabulary');
}

const unsupported = (name: string, found: string, expected: string) =>
  new PeftError('HOST_UNSUPPORTED', {
    found: `host "${name}" has ${found}`,
    expected,
    fix: 'take another model: what this one computes is not implemented',
  });
