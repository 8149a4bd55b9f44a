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
  /** Where only one token a text is computed: what picks it. */
  readonly picked?: PickedTokens;
}

/** The places of some tokens among all: dropout draws for all of them, so that leaving some out changes none of the others. */
interface PickedTokens {
  /** Lengths of the states of all tokens, without the last axis. */
  readonly lead: readonly number[];
  /** From all states to those of the picked tokens. */
  readonly pick: (states: tf.Tensor) => tf.Tensor;
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
export function dropOut(x: tf.Tensor, rate: number, path: string, pass: Pick<Pass, 'context' | 'picked'>): tf.Tensor {
  const { picked } = pass;
  const factors = factorsOfDropout(picked ? [...picked.lead, x.shape.at(-1)!] : x.shape, rate, path, pass);
  return factors ? x.mul(picked ? picked.pick(factors) : factors) : x;
}
