import { nearMisses, PeftError } from '@tfjs-peft/peft-core';
import type { BertConfig } from '../model/bert-config.js';
import { type ExpectedTensor, expectedTensors } from './expected-tensors.js';
import type { TensorSource } from './tensor-source.js';

/** An expected tensor and the name under which the checkpoint holds it. */
export interface MatchedTensor extends ExpectedTensor {
  readonly storedName: string;
}

export interface MatchedTensors {
  readonly tensors: readonly MatchedTensor[];
  readonly hasPooler: boolean;
  /** Stored names that belong to heads of other tasks and were left alone. */
  readonly ignored: readonly string[];
}

/** Parts of HF checkpoints that are no part of the encoder: heads of pretraining and of tasks. */
const headPrefixes = ['cls.', 'classifier.', 'qa_outputs.', 'score.', 'lm_head.'];
/** Buffers that older transformers versions stored beside the weights. */
const buffers = ['embeddings.position_ids', 'embeddings.token_type_ids'];

/**
 * Finds each tensor of the encoder in a checkpoint, with or without the `bert.` prefix and with the older LayerNorm names `gamma` and `beta`.
 * The pooler is optional. Errors: `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`.
 */
export function matchTensors(config: BertConfig, source: TensorSource, name: string): MatchedTensors {
  const stored = new Map<string, string>();
  const ignored: string[] = [];
  for (const storedName of source.tensors.keys()) {
    const path = canonicalPath(storedName);
    if (headPrefixes.some((prefix) => storedName.startsWith(prefix))) ignored.push(storedName);
    else if (stored.has(path)) throw duplicate(storedName, stored.get(path)!, name);
    else if (!buffers.includes(path)) stored.set(path, storedName);
  }
  const hasPooler = [...stored.keys()].some((path) => path.startsWith('pooler.'));
  const expected = expectedTensors(config, hasPooler);
  const unexpected = new Set(stored.keys());
  const tensors = expected.map((tensor) => {
    const storedName = stored.get(tensor.path);
    if (storedName === undefined) throw missing(tensor, stored.keys(), name);
    unexpected.delete(tensor.path);
    requireShape(tensor, storedName, source.tensors.get(storedName)!.shape, name);
    return { ...tensor, storedName };
  });
  if (unexpected.size > 0)
    throw unexpectedTensors(
      [...unexpected].map((path) => stored.get(path)!),
      name,
    );
  return { tensors, hasPooler, ignored };
}

const canonicalPath = (storedName: string): string =>
  storedName
    .replace(/^bert\./, '')
    .replace(/\.LayerNorm\.gamma$/, '.LayerNorm.weight')
    .replace(/\.LayerNorm\.beta$/, '.LayerNorm.bias');

function requireShape(tensor: ExpectedTensor, storedName: string, shape: readonly number[], name: string): void {
  if (shape.length === tensor.shape.length && shape.every((length, axis) => length === tensor.shape[axis])) return;
  throw new PeftError('TENSOR_MISSHAPEN', {
    found: `weights of "${name}": tensor "${storedName}" has shape [${shape.join(', ')}]`,
    expected: `[${tensor.shape.join(', ')}], from config.json`,
    fix: 'take config.json and weights from the same model',
  });
}

function missing(tensor: ExpectedTensor, stored: Iterable<string>, name: string): PeftError {
  const close = nearMisses(tensor.path, stored);
  return new PeftError('TENSOR_MISSING', {
    found: `weights of "${name}": no tensor "${tensor.path}"${close.length > 0 ? ` (the nearest are ${close.join(', ')})` : ''}`,
    expected: `shape [${tensor.shape.join(', ')}], with or without the prefix "bert."`,
    fix: 'take config.json and weights of the same BERT model, and all shards of sharded weights',
  });
}

function unexpectedTensors(names: readonly string[], name: string): PeftError {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return new PeftError('TENSOR_UNEXPECTED', {
    found: `weights of "${name}" hold tensors that its config.json does not know: ${names.slice(0, 3).join(', ')}${more}`,
    expected: 'the tensors of a BERT encoder, and heads, which are ignored',
    fix: 'take config.json and weights from the same model',
  });
}

const duplicate = (second: string, first: string, name: string) =>
  new PeftError('TENSOR_UNEXPECTED', {
    found: `weights of "${name}" hold both "${first}" and "${second}"`,
    expected: 'one of them: both stand for the same tensor',
    fix: 'save the model again with HF transformers',
  });
