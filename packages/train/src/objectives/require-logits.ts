import { type HostOutputs, PeftError } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';

/** Errors: `LOGITS_MISSING`. */
export function requireLogits({ logits }: HostOutputs): tf.Tensor2D {
  if (logits) return logits;
  throw new PeftError('LOGITS_MISSING', {
    found: 'a pass that gave hidden states and no logits',
    expected: 'a method that acts at the readout',
    fix: 'compose the method with a head: compose(method, head({ labels }))',
  });
}
