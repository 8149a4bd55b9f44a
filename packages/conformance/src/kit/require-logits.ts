import type { HostOutputs } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';
import { requireThat } from './failure.js';

export function requireLogits({ logits }: HostOutputs): tf.Tensor2D {
  requireThat(logits !== undefined, 'a method with a head gives no logits');
  return logits;
}
