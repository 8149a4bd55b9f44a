import {
  compose,
  createStream,
  describeMethod,
  type Host,
  type MethodDescription,
  PeftError,
  type PeftMethod,
  type Stream,
} from '@tfjs-peft/peft-core';
import type { Batch, Objective, Preparation } from '@tfjs-peft/peft-core/authoring';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import { type BatchSource, toBatch } from '../batches/batch-source.js';

/** The training question that a method prepares for. */
export interface PreparedBy<Targets> {
  readonly host: Host;
  readonly source: BatchSource<Targets>;
  readonly objective: Objective<Targets>;
  readonly batchSize: number;
  /** Of the initial values. */
  readonly stream: Stream;
  /** Is told of work that takes more than a moment. */
  readonly onProgress?: Preparation['onProgress'];
}

/** The concrete method for this host and these data; the method itself if it has nothing to prepare. */
export async function prepareMethod<Targets>(
  method: PeftMethod,
  { host, source, objective, batchSize, stream, onProgress }: PreparedBy<Targets>,
): Promise<PeftMethod> {
  if (!method.prepare) return method;
  // A new pass over the texts each time somebody asks: every part and every vertex may need one.
  const batches = { [Symbol.asyncIterator]: () => batchesInOrder(host, source, batchSize) };
  return method.prepare(host, {
    batches,
    objective: objective as Objective,
    others: compose(),
    shared: stream,
    stream,
    vertex: 0,
    ...(onProgress && { onProgress }),
  });
}

/** A batch is disposed when the next one is asked for. */
async function* batchesInOrder<Targets>(
  host: Host,
  source: BatchSource<Targets>,
  batchSize: number,
): AsyncGenerator<Batch<Targets>> {
  for (const texts of source.inOrder(batchSize)) {
    const batch = toBatch(host, texts);
    try {
      yield batch;
    } finally {
      tf.dispose({ ...batch.inputs });
    }
  }
}

/**
 * The method as it was prepared once, from its description: a run that goes on does not prepare again.
 * Errors: `CHECKPOINT_OF_ANOTHER_RUN` for a description that the method cannot take on.
 */
export function restorePrepared(method: PeftMethod, description: MethodDescription): PeftMethod {
  const { type, config, parts = [] } = description;
  const own = method.parts ?? [];
  if (type !== method.type || parts.length !== own.length) throw anotherMethod(method, description);
  const rebuilt =
    own.length === 0 ? method : method.withParts!(own.map((part, index) => restorePrepared(part, parts[index]!)));
  if (sameConfig(describeMethod(rebuilt).config, config)) return rebuilt;
  if (!rebuilt.withConfig) throw anotherMethod(method, description);
  return rebuilt.withConfig(config);
}

const sameConfig = (a: JsonObject, b: JsonObject): boolean => digest(a) === digest(b);
const digest = (value: JsonObject): string => createStream(JSON.stringify(value)).key.join();

const anotherMethod = (method: PeftMethod, { type }: MethodDescription) =>
  new PeftError('CHECKPOINT_OF_ANOTHER_RUN', {
    found: `a checkpoint of a prepared ${type}, which ${method.type} cannot take on`,
    expected: 'the method that the run was started with',
    fix: 'start the run over, or give the method `withConfig`',
  });
