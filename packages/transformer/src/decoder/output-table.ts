import { type OutputEmbeddings, PeftError } from '@tfjs-peft/peft-core';
import { kindsAt } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { scatterValues } from '../kernels/sparse-affine.js';
import type { DecoderPass } from './decoder-pass.js';
import { ownOutputTable } from './describe-decoder.js';

const tableKinds = kindsAt('table');

/**
 * The table that scores the next token, with what acts on the word embeddings where it is the same: one weight in both places, so that a merged
 * host computes what the method did. Errors: `INTERVENTIONS_CONFLICT` for a change that differs between examples.
 */
export function outputTable(pass: DecoderPass): OutputEmbeddings | undefined {
  const { decoder, weights, interventions } = pass;
  const { outputTable: path } = decoder;
  if (path === undefined) return undefined;
  const frozen = weights.tensor(`${path}.weight`) as tf.Tensor2D;
  if (path === ownOutputTable || !interventions.has(path, ...tableKinds))
    return { table: frozen.clone(), frozen: true };
  const { at } = interventions;
  let table: tf.Tensor = frozen;
  for (const { delta, shares } of at('weightDelta', path)) table = table.add(shares ? refuse(path) : delta);
  for (const { indices, values, shares } of at('sparseWeightDelta', path))
    table = table.add(shares ? refuse(path) : scatterValues(indices, values, frozen.shape));
  for (const { down, middle, up, scale } of at('lowRankDelta', path)) {
    if (down.rank === 3 || up.rank === 3 || middle?.rank === 2) refuse(path);
    table = table.add(tf.matMul(middle ? down.mul(middle) : down, up).mul(scale));
  }
  for (const { scale } of at('weightScale', path)) table = table.mul(scale);
  return { table: table as tf.Tensor2D, frozen: false };
}

function refuse(path: string): never {
  throw new PeftError('INTERVENTIONS_CONFLICT', {
    found: `a change of "${path}" that differs between examples, on a decoder that scores the next token with the same table`,
    expected: 'one table for the whole batch',
    fix: 'leave the word embeddings out of the method, or draw once a batch (granularity "batch")',
  });
}
