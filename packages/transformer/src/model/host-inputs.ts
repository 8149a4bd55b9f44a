import { type HostInputs, PeftError } from '@tfjs-peft/peft-core';
import { textsOf } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { packedLayout, paddedLayout, placesWithVirtual, type TokenLayout } from './token-layout.js';

/** Texts without their padding if the caller says where they stand, else the padded batch. Mask `[batch, virtual + tokens]`: virtual tokens are no padding. */
export function tokenLayoutOf({ inputIds, textPositions }: HostInputs, attentionMask: tf.Tensor2D): TokenLayout {
  if (!textPositions) return paddedLayout;
  const virtual = attentionMask.shape[1] - inputIds.shape[1];
  return packedLayout(placesWithVirtual(textPositions, inputIds.shape, virtual), attentionMask.shape);
}

/** The mask `[batch, virtual + tokens]`: virtual tokens are always attended to. */
export const maskWithPrompts = (attentionMask: tf.Tensor2D, length: number): tf.Tensor2D =>
  withVirtual(attentionMask, length, 1);

/** Marks of tokens of the text, `[batch, virtual + tokens]`: no virtual one is marked. */
export const marksWithPrompts = (marks: tf.Tensor, length: number): tf.Tensor => withVirtual(marks, length, 0);

/** A number a token, with so many more before those of the text that there are `length`. */
function withVirtual<T extends tf.Tensor>(ofText: T, length: number, value: number): T {
  const virtual = length - ofText.shape[1]!;
  if (virtual === 0) return ofText;
  const before: [number, number][] = [
    [0, 0],
    [virtual, 0],
  ];
  return ofText.pad(before, value);
}

/** Ids and token types of texts that are known (`padBatch`) have a row in the tables of the host. Errors: `HOST_INPUTS_INVALID`. */
export function requireKnownIds(
  inputs: HostInputs,
  { words, types }: { readonly words: number; readonly types?: number | undefined },
): void {
  for (const [row, text] of (textsOf(inputs) ?? []).entries()) {
    requireBelow(text.inputIds, words, 'token', row);
    // A table of one row serves all types.
    if (types !== undefined && types > 1) requireBelow(text.tokenTypeIds, types, 'token type', row);
  }
}

function requireBelow(ids: readonly number[], count: number, what: string, row: number): void {
  const beyond = ids.find((id) => !(id >= 0 && id < count));
  if (beyond === undefined) return;
  throw new PeftError('HOST_INPUTS_INVALID', {
    found: `${what} ${beyond} in text ${row} of a batch`,
    expected: `${what}s from 0 to ${count - 1}, which the host has`,
    fix: 'encode texts with the tokenizer of this host',
  });
}

/** Errors: `HOST_INPUTS_INVALID`, `BACKEND_UNSUPPORTED`. */
export function requireInputs({ inputIds, attentionMask, tokenTypeIds, textPositions, documentIds }: HostInputs): void {
  refuseWebgl();
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

/** TensorFlow.js takes WebGL by itself in a page that chooses no backend. Errors: `BACKEND_UNSUPPORTED`. */
function refuseWebgl(): void {
  if (tf.getBackend() !== 'webgl') return;
  throw new PeftError('BACKEND_UNSUPPORTED', {
    found: 'the backend webgl, which computes padded batches wrongly without a word',
    expected: 'wasm, webgpu or cpu in a browser',
    fix: 'call selectBackend of @tfjs-peft/backend before the host is loaded',
  });
}
