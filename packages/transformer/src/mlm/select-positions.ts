import { PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';

/**
 * States `[batch, places, hidden]` at positions `[batch, places]` of `[batch, tokens, hidden]`, as a product with rows that hold a single one: a gather's
 * gradient needs a kernel that not every backend has. Errors: `MLM_SELECTION_INVALID`.
 */
export function selectPositions(states: tf.Tensor3D, positions: tf.Tensor2D): tf.Tensor3D {
  const [batch, tokens] = states.shape;
  if (positions.rank !== 2 || positions.dtype !== 'int32' || positions.shape[0] !== batch)
    throw new PeftError('MLM_SELECTION_INVALID', {
      found: `positions of type ${positions.dtype} and shape [${positions.shape.join(', ')}]`,
      expected: `int32 [${batch}, places], as many rows as the hidden states have`,
      fix: 'pass one row of positions a text, of one length',
    });
  return tf.tidy(() => tf.matMul(tf.oneHot(positions, tokens).toFloat() as tf.Tensor3D, states));
}
