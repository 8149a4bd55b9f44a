import { type Context, substream } from '@tfjs-peft/peft-core';
import { dropoutFactors } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import type { WeightStore } from '../weights/weight-store.js';
import type { InterventionIndex } from './index-interventions.js';
import type { TokenLayout } from './token-layout.js';

/** What every map of one forward pass needs, whatever the model. */
export interface Pass {
  /** What a model of any kind says of its maps. */
  readonly config: { readonly layerNormEpsilon: number; readonly norm?: 'layer' | 'rms' };
  readonly weights: WeightStore;
  readonly interventions: InterventionIndex;
  readonly context: Context;
  /** `[batch, tokens]`, 1 for what is attended to, virtual tokens of prompts among it. */
  readonly attentionMask: tf.Tensor2D;
  /** How the hidden states stand that maps between attentions take and give. */
  readonly layout: TokenLayout;
}

/** What dropout multiplies with in training, from the pass' dropout stream and the place's path; undefined where nothing is dropped. */
export const factorsOfDropout = (
  shape: number[],
  rate: number,
  path: string,
  { context }: Pick<Pass, 'context'>,
): tf.Tensor | undefined =>
  context.mode === 'train' && rate > 0
    ? dropoutFactors(shape, rate, substream(context.streams.dropout, path))
    : undefined;

/** Dropout in training, the identity otherwise; x and the result in the pass' layout. */
export function dropOut(x: tf.Tensor, rate: number, path: string, pass: Pick<Pass, 'context'>): tf.Tensor {
  const factors = factorsOfDropout(x.shape, rate, path, pass);
  return factors ? x.mul(factors) : x;
}
