import { applyNorm } from './apply-norm.js';
import type { Pass } from './pass.js';
import type * as tf from '@tensorflow/tfjs';

/** The norm at `path` on each head of `[batch, tokens, heads, headSize]`, whatever the pass' layout; shape kept. */
export const normHeads = (x: tf.Tensor, path: string, pass: Pass): tf.Tensor =>
  applyNorm(x, path, {
    ...pass,
    layout: {
      pack: (padded) => padded,
      unpack: (states) => states,
      perToken: (vector) => (vector.rank === 2 ? vector.expandDims(1).expandDims(1) : vector),
    },
  });
