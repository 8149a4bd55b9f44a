import { PeftError } from '@tfjs-peft/peft-core';
import type { Encoder } from '../architecture/encoder.js';
import type { EncoderConfig } from '../architecture/family.js';
import { digestTensor, fingerprintHost, type TensorDigest } from './fingerprint.js';
import { type MatchedTensor, matchTensors } from './match-tensors.js';
import type { TensorSource } from './tensor-source.js';

/** A tensor as the encoder uses it: weights of affine maps are `[input, output]`. */
export interface LoadedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Takes a tensor when it is read, by canonical path: whoever lets it go again never holds a whole model. */
export type TakeTensor = (path: string, tensor: LoadedTensor) => void;

/** What is known of the tensors that were read. */
export interface ReadWeights {
  readonly encoder: Encoder;
  readonly digests: ReadonlyMap<string, TensorDigest>;
  readonly fingerprint: string;
  readonly ignored: readonly string[];
}

/**
 * Reads, checks and transposes all tensors of an encoder, in the order of the forward pass. Errors: `VALUES_NOT_FINITE`, those of {@link matchTensors} and
 * of the source.
 */
export async function readWeights(
  config: EncoderConfig,
  source: TensorSource,
  name: string,
  takerFor: (encoder: Encoder) => TakeTensor,
): Promise<ReadWeights> {
  const { tensors, encoder, ignored } = matchTensors(config, source, name);
  const digests = await readTensors(tensors, source, name, takerFor(encoder));
  return { encoder, digests, ignored, fingerprint: fingerprintHost(config, digests) };
}

/** Tensors of any model, weights of affine maps as `[input, output]`. Errors: `VALUES_NOT_FINITE`, those of the source. */
export async function readTensors(
  matched: readonly MatchedTensor[],
  source: TensorSource,
  name: string,
  take: TakeTensor,
): Promise<Map<string, TensorDigest>> {
  const digests = new Map<string, TensorDigest>();
  const broken: string[] = [];
  for (const { path, shape, role, storedName } of matched) {
    const data = await source.readFloat32(storedName);
    if (!data.every(Number.isFinite)) broken.push(storedName);
    digests.set(path, { shape, digest: await digestTensor(data) });
    take(path, role === 'affineWeight' ? transpose(data, shape[0]!, shape[1]!) : { shape, data });
  }
  if (broken.length > 0) throw notFinite(broken, name);
  return digests;
}

const notFinite = (names: readonly string[], name: string) =>
  new PeftError('VALUES_NOT_FINITE', {
    found: `weights of "${name}" hold NaN or infinite numbers in ${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`,
    expected: 'finite numbers',
    fix: 'get the weights again from their origin; if they are so there, the training that made them diverged',
  });

/** `[rows, columns]` to `[columns, rows]`. */
export function transpose(data: Float32Array, rows: number, columns: number): LoadedTensor {
  const transposed = new Float32Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) transposed[column * rows + row] = data[row * columns + column]!;
  return { shape: [columns, rows], data: transposed };
}
