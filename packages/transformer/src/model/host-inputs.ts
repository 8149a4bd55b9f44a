import { type HostInputs, PeftError } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';
import { packedLayout, paddedLayout, placesWithVirtual, type TokenLayout } from './token-layout.js';

/** Texts without their padding if the caller says where they stand, else the padded batch. Mask `[batch, virtual + tokens]`: virtual tokens are no padding. */
export function tokenLayoutOf({ inputIds, textPositions }: HostInputs, attentionMask: tf.Tensor2D): TokenLayout {
  if (!textPositions) return paddedLayout;
  const virtual = attentionMask.shape[1] - inputIds.shape[1];
  return packedLayout(placesWithVirtual(textPositions, inputIds.shape, virtual), attentionMask.shape);
}

/** The mask `[batch, virtual + tokens]`: virtual tokens are always attended to. */
export function maskWithPrompts(attentionMask: tf.Tensor2D, length: number): tf.Tensor2D {
  const virtual = length - attentionMask.shape[1];
  return virtual > 0
    ? attentionMask.pad(
        [
          [0, 0],
          [virtual, 0],
        ],
        1,
      )
    : attentionMask;
}

/** Errors: `HOST_INPUTS_INVALID`. */
export function requireInputs({ inputIds, attentionMask, tokenTypeIds, textPositions, documentIds }: HostInputs): void {
  for (const [name, tensor] of Object.entries({ inputIds, attentionMask, tokenTypeIds, documentIds })) {
    if (tensor === undefined) continue;
    const fits =
      tensor.rank === 2 &&
      tensor.dtype === 'int32' &&
      tensor.shape.every((n, axis) => n > 0 && n === inputIds.shape[axis]);
    if (!fits)
      throw new PeftError('HOST_INPUTS_INVALID', {
        found: `${name} of type ${tensor.dtype} and shape [${tensor.shape.join(', ')}], inputIds of shape [${inputIds.shape.join(', ')}]`,
        expected: 'int32 tensors of one shape [batch, tokens]',
        fix: 'make batches with padBatch',
      });
  }
  if (
    textPositions &&
    !(textPositions.rank === 1 && textPositions.dtype === 'int32' && textPositions.size <= inputIds.size)
  )
    throw new PeftError('HOST_INPUTS_INVALID', {
      found: `textPositions of type ${textPositions.dtype} and shape [${textPositions.shape.join(', ')}]`,
      expected: `int32 positions in a flattened batch of [${inputIds.shape.join(', ')}]`,
      fix: 'make batches with padBatch, or leave textPositions out',
    });
}

/** For hosts whose tokens see all of their row. Errors: `HOST_INPUTS_INVALID`. */
export function requireOneDocument({ documentIds }: HostInputs, name: string): void {
  if (documentIds === undefined) return;
  throw new PeftError('HOST_INPUTS_INVALID', {
    found: `documentIds for host "${name}", an encoder`,
    expected: 'one text a row: only decoders keep documents of one row apart',
    fix: 'do not pack texts for an encoder',
  });
}
