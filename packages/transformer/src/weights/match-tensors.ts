import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { describeEncoder, type Encoder } from '../architecture/encoder.js';
import type { EncoderConfig, Family } from '../architecture/family.js';
import { familyOf } from '../architecture/families.js';
import { type ExpectedTensor, expectedTensors } from './expected-tensors.js';
import type { TensorSource } from './tensor-source.js';

/** An expected tensor and the name under which the checkpoint holds it. */
export interface MatchedTensor extends ExpectedTensor {
  readonly storedName: string;
}

export interface MatchedTensors {
  readonly tensors: readonly MatchedTensor[];
  readonly encoder: Encoder;
  /** Stored names that belong to heads of other tasks and were left alone. */
  readonly ignored: readonly string[];
}

/** Buffers that older transformers versions stored beside the weights, below the embeddings. */
const buffers = ['position_ids', 'token_type_ids'];

/**
 * Finds each tensor of the encoder in a checkpoint, with or without the prefix of its base model and with the older LayerNorm names `gamma` and `beta`.
 * A pooler is optional. Errors: `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`.
 */
export function matchTensors(
  config: EncoderConfig,
  source: Pick<TensorSource, 'tensors'>,
  name: string,
): MatchedTensors {
  const family = familyOf(config.modelType);
  const { embeddings, pooler } = family.modules;
  // Checkpoints of DeBERTa may hold a table of positions that config.json says is not read.
  const unread = config.options?.absolutePositions === false ? [`${embeddings.positions}.weight`] : [];
  const isBuffer = (path: string) => [...buffers, ...unread].some((name) => path === `${embeddings.path}.${name}`);
  const { stored, ignored } = findStored(source, { ...family, isBuffer }, name);
  const hasPooler = pooler !== undefined && [...stored.keys()].some((path) => path.startsWith(`${pooler}.`));
  const encoder = describeEncoder(config, hasPooler);
  return { tensors: matchStored(expectedTensors(encoder), stored, source, family, name), encoder, ignored };
}

/** What the names in a checkpoint of a family look like. */
export type CheckpointNames = Pick<Family, 'name' | 'baseModelPrefix' | 'headPrefixes'>;

/** The names in a checkpoint by canonical path, those of heads apart. Errors: `TENSOR_UNEXPECTED` for two names of one tensor. */
export function findStored(
  source: Pick<TensorSource, 'tensors'>,
  family: CheckpointNames & { readonly isBuffer: (path: string) => boolean },
  name: string,
): { readonly stored: Map<string, string>; readonly ignored: string[] } {
  const stored = new Map<string, string>();
  const ignored: string[] = [];
  for (const storedName of source.tensors.keys()) {
    const path = canonicalPath(storedName, family);
    if (family.headPrefixes.some((prefix) => storedName.startsWith(prefix))) ignored.push(storedName);
    else if (stored.has(path)) throw duplicate(storedName, stored.get(path)!, name);
    else if (!family.isBuffer(path)) stored.set(path, storedName);
  }
  return { stored, ignored };
}

/** Each expected tensor with its name in the checkpoint, and none left. Errors: `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`. */
export function matchStored(
  expected: readonly ExpectedTensor[],
  stored: ReadonlyMap<string, string>,
  source: Pick<TensorSource, 'tensors'>,
  family: CheckpointNames,
  name: string,
): MatchedTensor[] {
  const unexpected = new Set(stored.keys());
  const tensors = expected.map((tensor) => {
    const storedName = stored.get(tensor.path);
    if (storedName === undefined) throw missing(tensor, stored.keys(), family, name);
    unexpected.delete(tensor.path);
    requireShape(tensor, storedName, source.tensors.get(storedName)!.shape, name);
    return { ...tensor, storedName };
  });
  if (unexpected.size === 0) return tensors;
  throw unexpectedTensors(
    [...unexpected].map((path) => stored.get(path)!),
    family,
    name,
  );
}

const canonicalPath = (storedName: string, { baseModelPrefix }: CheckpointNames): string =>
  (storedName.startsWith(`${baseModelPrefix}.`) ? storedName.slice(baseModelPrefix.length + 1) : storedName)
    .replace(/\.LayerNorm\.gamma$/, '.LayerNorm.weight')
    .replace(/\.LayerNorm\.beta$/, '.LayerNorm.bias');

export function requireShape(tensor: ExpectedTensor, storedName: string, shape: readonly number[], name: string): void {
  if (shape.length === tensor.shape.length && shape.every((length, axis) => length === tensor.shape[axis])) return;
  throw new PeftError('TENSOR_MISSHAPEN', {
    found: `weights of "${name}": tensor "${storedName}" has shape [${shape.join(', ')}]`,
    expected: `[${tensor.shape.join(', ')}], from config.json`,
    fix: 'take config.json and weights from the same model',
  });
}

function missing(tensor: ExpectedTensor, stored: Iterable<string>, family: CheckpointNames, name: string): PeftError {
  const close = nearMisses(tensor.path, stored);
  return new PeftError('TENSOR_MISSING', {
    found: `weights of "${name}": no tensor "${tensor.path}"${close.length > 0 ? ` (the nearest are ${close.join(', ')})` : ''}`,
    expected: `shape [${tensor.shape.join(', ')}], with or without the prefix "${family.baseModelPrefix}."`,
    fix: `take config.json and weights of the same ${family.name} model, and all shards of sharded weights`,
  });
}

function unexpectedTensors(names: readonly string[], family: CheckpointNames, name: string): PeftError {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return new PeftError('TENSOR_UNEXPECTED', {
    found: `weights of "${name}" hold tensors that its config.json does not know: ${names.slice(0, 3).join(', ')}${more}`,
    expected: `the tensors of a ${family.name} model, and heads, which are ignored`,
    fix: 'take config.json and weights from the same model',
  });
}

const duplicate = (second: string, first: string, name: string) =>
  new PeftError('TENSOR_UNEXPECTED', {
    found: `weights of "${name}" hold both "${first}" and "${second}"`,
    expected: 'one of them: both stand for the same tensor',
    fix: 'save the model again with HF transformers',
  });
