import { type Context, substream } from '@tfjs-peft/peft-core';
import { dropout } from '@tfjs-peft/peft-core/authoring';
import type * as tf from '@tensorflow/tfjs';

/**
 * HF peft's `nn.Dropout` of what enters a map `[batch, tokens, inputs]`, from the run's streams; undefined where none is dropped: outside of
 * training, and at rate 0. `name` is that of the method's parameters.
 */
export function dropInputs(
  rate: number,
  path: string,
  name: string,
  context: Context,
): ((x: tf.Tensor) => tf.Tensor) | undefined {
  if (rate === 0 || context.mode !== 'train') return undefined;
  const stream = substream(context.streams.dropout, `${path}.${name}`);
  return (x) => dropout(x, rate, stream);
}
