import type { Interventions } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { WeightStore } from '../weights/weight-store.js';

/**
 * A batch without its padding. Every map of an encoder but the attention treats each token for itself, so that between two attentions
 * the hidden states of all texts can stand one after the other.
 */
export interface Packing {
  /** `[batch, tokens, size]` to `[1, n, size]`, the n tokens of texts. */
  pack(padded: tf.Tensor): tf.Tensor;
  /** The inverse; 0 at padding. */
  unpack(packed: tf.Tensor): tf.Tensor;
}

/** Both directions are each other's gradient. */
export function createPacking(textPositions: tf.Tensor1D, [batch, tokens]: readonly [number, number]): Packing {
  const gather: Move = (padded, positions) =>
    tf.gather(padded.reshape([batch * tokens, padded.shape[2]!]), positions).expandDims(0);
  const scatter: Move = (packed, positions) => {
    const [, n, size] = packed.shape as [number, number, number];
    const rows = tf.scatterND(positions.expandDims(1), packed.reshape([n, size]), [batch * tokens, size]);
    return rows.reshape([batch, tokens, size]);
  };
  const withGradient = (forward: Move, backward: Move) => (x: tf.Tensor) =>
    tf.customGrad((input, save) => {
      // Saved, because the backward pass may outlive the caller's own tensor.
      (save as tf.GradSaveFunc)([textPositions]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => backward(dy, saved[0] as tf.Tensor1D));
      return { value: tf.tidy(() => forward(input as tf.Tensor, textPositions)), gradFunc };
    })(x);
  return { pack: withGradient(gather, scatter), unpack: withGradient(scatter, gather) };
}

type Move = (x: tf.Tensor, positions: tf.Tensor1D) => tf.Tensor;

/** True if nothing acts that is one for each example, or needs to see which tokens belong together outside the attention. */
export const actsOnEachToken = (interventions: Interventions, weights: WeightStore): boolean =>
  interventions.every((item) => {
    switch (item.kind) {
      case 'readout':
        return true;
      case 'keyValuePrefix':
        return item.gate === undefined;
      case 'lowRankDelta':
        return item.gate === undefined && item.down.rank === 2 && item.up.rank === 2;
      case 'weightDelta':
        return item.shares === undefined && item.delta.rank === rankOf(item.path, weights);
      case 'weightScale':
        return true;
      case 'biasDelta':
      case 'weightMagnitude':
        return item.delta.rank === 1;
      case 'inputGate':
      case 'outputGate':
        return item.gate.rank === 1;
      case 'activationDelta':
      case 'sublayerAdapter':
        return item.perToken === true;
      case 'tokenPrefix':
        return false;
    }
  });

/** Of the weight that a module's or a tensor's path names. */
const rankOf = (path: string, weights: WeightStore): number =>
  weights.tensor(path.endsWith('.weight') ? path : `${path}.weight`).rank;
