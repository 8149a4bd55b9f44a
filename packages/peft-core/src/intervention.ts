import type * as tf from '@tensorflow/tfjs';
import type { Readout } from './host.js';

/**
 * What a method does to a pass, as data where it can be. Every tensor may carry one leading batch axis
 * (`[batch, ...shape]` instead of `[...shape]`) unless its comment says otherwise.
 *
 * Order at one site: effective weight, the affine map, added activation deltas, gates on the sum, then sequential residual adapters on
 * the sublayer's output; prefixes and prompts change the key/value and token axes.
 */
export type Intervention =
  | LowRankDelta
  | WeightDelta
  | BiasDelta
  | WeightScale
  | InputGate
  | OutputGate
  | KeyValuePrefix
  | TokenPrefix
  | ActivationDelta
  | SublayerAdapter
  | ReadoutMap;

export type Interventions = readonly Intervention[];
export type InterventionKind = Intervention['kind'];

/** `y += scale · (x · down) · up`; down `[input, rank]`, up `[rank, output]`. */
export interface LowRankDelta {
  readonly kind: 'lowRankDelta';
  readonly path: string;
  readonly down: tf.Tensor;
  readonly up: tf.Tensor;
  readonly scale: number;
}
/** `W += delta`; delta `[input, output]`, no batch axis. */
export interface WeightDelta {
  readonly kind: 'weightDelta';
  readonly path: string;
  readonly delta: tf.Tensor;
}
/** `b += delta`; delta `[output]`. */
export interface BiasDelta {
  readonly kind: 'biasDelta';
  readonly path: string;
  readonly delta: tf.Tensor;
}
/** `W *= scale`, after all deltas of W; scale broadcasts over `[input, output]`, no batch axis. */
export interface WeightScale {
  readonly kind: 'weightScale';
  readonly path: string;
  readonly scale: tf.Tensor;
}
/** `x *= gate` before the affine map; gate `[input]`. */
export interface InputGate {
  readonly kind: 'inputGate';
  readonly path: string;
  readonly gate: tf.Tensor;
}
/** `y *= gate` after the affine map and its deltas; gate `[output]`. */
export interface OutputGate {
  readonly kind: 'outputGate';
  readonly path: string;
  readonly gate: tf.Tensor;
}
/**
 * Keys and values `[heads, length, headSize]`, already in projected space, put before those of the text inside attention; queries and
 * the output's length are unchanged and the added mask columns are open. `positions` says what happens to the text's position ids:
 * `none` keeps them at 0 (the method as published), `shift` moves them by `length` (what HF peft does).
 */
export interface KeyValuePrefix {
  readonly kind: 'keyValuePrefix';
  readonly path: string;
  readonly keys: tf.Tensor;
  readonly values: tf.Tensor;
  readonly positions: 'none' | 'shift';
}
/** Rows `[length, hidden]` put before the word embeddings, then positions, token type and LayerNorm as for text. */
export interface TokenPrefix {
  readonly kind: 'tokenPrefix';
  readonly embeddings: tf.Tensor;
}
/** `y += apply(x)` at a linear site; x `[batch, tokens, input]`, result `[batch, tokens, output]`. */
export interface ActivationDelta {
  readonly kind: 'activationDelta';
  readonly path: string;
  readonly apply: (x: tf.Tensor) => tf.Tensor;
}
/**
 * Acts at a sublayer, before the residual is added: `sequential` replaces the sublayer's output y by `apply(y)`, `parallel` adds
 * `apply(sublayer's input)` to it. `[batch, tokens, hidden]` in and out.
 */
export interface SublayerAdapter {
  readonly kind: 'sublayerAdapter';
  readonly path: string;
  readonly placement: 'sequential' | 'parallel';
  readonly apply: (x: tf.Tensor) => tf.Tensor;
}
/** `logits = readout(hidden states) · weightᵀ + bias`; weight `[labels, hidden]`, bias `[labels]`. */
export interface ReadoutMap {
  readonly kind: 'readout';
  readonly readout: Readout;
  readonly weight: tf.Tensor;
  readonly bias: tf.Tensor;
  /** Applied to the pooled features in training. */
  readonly dropout: number;
}
