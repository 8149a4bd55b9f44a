import { type Context, dropout, substream } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';
import type { WeightStore } from '../weights/weight-store.js';
import type { BertConfig } from './bert-config.js';
import type { InterventionIndex } from './index-interventions.js';

/** What every part of one forward pass needs. */
export interface Pass {
  readonly config: BertConfig;
  readonly weights: WeightStore;
  readonly interventions: InterventionIndex;
  readonly context: Context;
}

/** Dropout in training, with a mask from the pass' dropout stream and the place's path; identity otherwise. */
export const dropOut = (x: tf.Tensor, rate: number, path: string, { context }: Pass): tf.Tensor =>
  context.mode === 'train' && rate > 0 ? dropout(x, rate, substream(context.streams.dropout, path)) : x;
