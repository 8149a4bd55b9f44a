import { type Parameters } from '@tfjs-peft/peft-core';
import { getParameter } from '@tfjs-peft/peft-core/authoring';
import type * as tf from '@tensorflow/tfjs';
import type { IncrementConfig } from './config.js';

/**
 * After an optimiser's step: `δ ← δ - rate · δ` toward the base, `δ ← δ - rate · (θ + δ)` toward zero, θ the pretrained values of the entries.
 * Decoupled, as AdamW's decay is, but of the rate of learning too.
 */
export const decayIncrements = (raw: Parameters, { toward, rate }: NonNullable<IncrementConfig['decay']>): Parameters =>
  new Map(
    [...raw].map(([name, tensor]): [string, tf.Tensor] => {
      if (!name.endsWith('.values')) return [name, tensor];
      if (toward === 'base') return [name, tensor.mul(1 - rate)];
      const base = getParameter(raw, name.replace(/values$/, 'base'));
      return [name, tensor.sub(base.add(tensor).mul(rate))];
    }),
  );
