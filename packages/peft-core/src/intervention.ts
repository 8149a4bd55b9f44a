import type * as tf from '@tensorflow/tfjs';
import type { DynamicFactors } from './dynamic-low-rank.js';
import type { HeadActivation, Readout } from './host-spec.js';

/**
 * What a method does to a pass, as data where it can be. Every tensor may carry one leading batch axis
 * (`[batch, ...shape]` instead of `[...shape]`) unless its comment says otherwise. What each kind may act on, the shapes of its tensors and
 * how it merges is in {@link interventionRules}.
 *
 * Order at one site: effective weight, the affine map, added activation deltas, gates on the sum, then sequential residual adapters on
 * the sublayer's output, deltas of the layer's output; prefixes and prompts change the key/value and token axes.
 */
export type Intervention =
  | LowRankDelta
  | DynamicLowRankDelta
  | WeightDelta
  | SparseWeightDelta
  | WeightFunction
  | BiasDelta
  | WeightScale
  | WeightMagnitude
  | InputGate
  | OutputGate
  | KeyValuePrefix
  | TokenPrefix
  | ActivationDelta
  | DynamicWeightDelta
  | SublayerAdapter
  | HiddenDelta
  | Tap
  | SlopeTap
  | ReadoutMap;

/** What a method does in one pass, in order. */
export type Interventions = readonly Intervention[];

/** The names of all kinds: `lowRankDelta`, `keyValuePrefix`, … */
export type InterventionKind = Intervention['kind'];

/**
 * A factor for each example that depends on the submodule's input (UniPELT): input `[batch, tokens, size]`, attention mask `[batch, tokens]`
 * (1 for text, virtual tokens among it) to `[batch]`.
 */
export type ExampleGate = (input: tf.Tensor, attentionMask: tf.Tensor2D) => tf.Tensor1D;

/** `y += scale · (dropout(x) · down ⊙ middle) · up`; down `[input, rank]`, middle `[rank]` (ones if absent), up `[rank, output]`. */
export interface LowRankDelta {
  readonly kind: 'lowRankDelta';
  readonly path: string;
  readonly down: tf.Tensor;
  readonly middle?: tf.Tensor;
  readonly up: tf.Tensor;
  readonly scale: number;
  /** Rate of dropout on x before `down`, in training. */
  readonly dropout?: number;
  /** Multiplies the delta; x of the affine map is its input. */
  readonly gate?: ExampleGate;
}
/**
 * `y += (S(x) · (x · down)) · up` at an affine map, with S(x) = x · core as a matrix `[rank, rank]`, row after row: another one for each token.
 */
export interface DynamicLowRankDelta extends DynamicFactors {
  readonly kind: 'dynamicLowRankDelta';
  readonly path: string;
  /** Multiplies the delta; x of the affine map is its input. */
  readonly gate?: ExampleGate;
}
/**
 * `W += delta`; delta as the weight, `[input, output]` for an affine map, no batch axis. With `shares` `[batch]`, example b gets
 * `shares[b] · delta`: several deltas whose shares sum to one mix the outputs of a simplex exactly, since the map is affine in W.
 */
export interface WeightDelta {
  readonly kind: 'weightDelta';
  readonly path: string;
  readonly delta: tf.Tensor;
  readonly shares?: tf.Tensor1D;
}
/**
 * `W[i] += values` at a few places of a weight: indices `[k]`, int32, into the flattened weight (`[input, output]` of an affine map,
 * `[rows, size]` of a table, `[size]` of a norm); values `[k]`. No batch axis. An index that stands twice gets the sum.
 */
export interface SparseWeightDelta {
  readonly kind: 'sparseWeightDelta';
  readonly path: string;
  readonly indices: tf.Tensor;
  readonly values: tf.Tensor;
  /** `[batch]`: example b gets `shares[b] · values`, as in a {@link WeightDelta}. */
  readonly shares?: tf.Tensor1D;
}
/**
 * `W += weight(W)` and `b += bias(b)` with the host's own weight `[input, output]` and bias `[output]`: what cannot be said without them, a
 * rotation of the weight for example. Both functions are pure and give the shape that they get, no batch axis. Several at one place are added up.
 */
export interface WeightFunction {
  readonly kind: 'weightFunction';
  readonly path: string;
  /** From the frozen weight `[input, output]` to what is added to it. */
  readonly weight: (frozen: tf.Tensor) => tf.Tensor;
  /** From the frozen bias `[output]`, and the frozen weight, to what is added to the bias. */
  readonly bias?: (frozen: tf.Tensor, weight: tf.Tensor) => tf.Tensor;
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
/**
 * The magnitude of DoRA (Liu et al. 2024, arXiv 2402.09353, equation 5): with W' the weight after its deltas, column j of the effective weight
 * is `W'_j · (‖W_j‖ + delta_j) / ‖W'_j‖`; delta `[output]`, 0 changes nothing while W' = W. The norm of W' is a constant to the gradient
 * (section 4.3). At an affine map only, at most one a path, not together with deltas that have `shares`.
 */
export interface WeightMagnitude {
  readonly kind: 'weightMagnitude';
  readonly path: string;
  readonly delta: tf.Tensor;
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
  /** Multiplies keys and values; the attention's input is its input. */
  readonly gate?: ExampleGate;
}
/** Rows `[length, hidden]` put before the word embeddings, then positions, token type and LayerNorm as for text. */
export interface TokenPrefix {
  readonly kind: 'tokenPrefix';
  readonly embeddings: tf.Tensor;
}
/** What a function of activations gets and gives: `[batch, tokens, size]`, and the attention mask `[batch, tokens]` (1 for text). */
export type ActivationFunction = (x: tf.Tensor, attentionMask: tf.Tensor2D) => tf.Tensor;

interface Activation {
  readonly apply: ActivationFunction;
  /**
   * True if `apply` treats every token for itself, the same for all examples, and does not look at the mask. A host may then give it the
   * tokens of all texts one after the other, `[1, n, size]`, without padding.
   */
  readonly perToken?: boolean;
  /** True if `apply` draws a random number for each state that it gets: for fewer tokens it would draw others. */
  readonly draws?: boolean;
  /** True if what `apply` gives at a token depends on other tokens of its row: texts that share a row are then not kept apart. */
  readonly mixesTokens?: true;
  /** The same as data, for whoever must write it down instead of calling it: an exporter. */
  readonly form?: BottleneckForm;
}

/**
 * `scale · (activation(x · down + downBias) · up + upBias)`, plus x itself with `addsInput`; down `[size, width]`, up `[width, size]`, scale a number or
 * `[1]` or `[size]`. No batch axis.
 */
export interface BottleneckForm {
  readonly down: tf.Tensor;
  readonly downBias: tf.Tensor;
  /** `gelu` is the exact one (erf), `gelu_new` its approximation with tanh; `leaky_relu` has the slope 0.01. */
  readonly activation: 'relu' | 'gelu' | 'gelu_new' | 'swish' | 'tanh' | 'sigmoid' | 'leaky_relu' | 'identity';
  readonly up: tf.Tensor;
  readonly upBias: tf.Tensor;
  readonly scale: number | tf.Tensor;
  readonly addsInput: boolean;
}

/** `y += apply(x)` at a linear site; x `[batch, tokens, input]`, result `[batch, tokens, output]`. */
export interface ActivationDelta extends Activation {
  readonly kind: 'activationDelta';
  readonly path: string;
  /** `[input, output]`, if `apply` is the product with this matrix: lets it merge (Kronecker and Hadamard products). */
  readonly matrix?: () => tf.Tensor;
}
/**
 * `y += apply(x, W)` at a linear site with the host's own weight W `[input, output]`: a change of the weight that depends on each token, a scale
 * `W ⊙ Φ(x)` for example, without a weight for each token. x `[batch, tokens, input]`, result `[batch, tokens, output]`.
 */
export interface DynamicWeightDelta {
  readonly kind: 'dynamicWeightDelta';
  readonly path: string;
  /** From x, the frozen weight and the mask `[batch, tokens]` to what is added to y. */
  readonly apply: (x: tf.Tensor, frozen: tf.Tensor, attentionMask: tf.Tensor2D) => tf.Tensor;
  /** As that of an {@link ActivationDelta}. */
  readonly perToken?: boolean;
}
/** `h += apply(h)` at the output of a layer (a `hidden` site); `[batch, tokens, hidden]` in and out. */
export interface HiddenDelta extends Activation {
  readonly kind: 'hiddenDelta';
  readonly path: string;
}
/**
 * Shows what passes a site without changing it: x before or y after the affine map of a `linear` site, or the output of a layer at a `hidden`
 * site. `observe` gets `[batch, tokens, size]` and the attention mask, inside the pass' scope: keep (`tf.keep`) what must outlive it.
 */
export interface Tap {
  readonly kind: 'tap';
  readonly path: string;
  readonly at: 'input' | 'output';
  /** Called in the pass with the states and `[batch, tokens]` of the mask; keep what you need, the pass disposes the rest. */
  readonly observe: (states: tf.Tensor, attentionMask: tf.Tensor2D) => void;
}
/**
 * Shows the slope at a place without changing anything: of an affine map y = x · W + b before output gates, of a norm y = n ⊙ w + b. What a weight's
 * gradient is made of, so that it need not be formed.
 */
export interface SlopeTap {
  readonly kind: 'slopeTap';
  readonly path: string;
  /** A number that nothing depends on: whoever differentiates with respect to it makes the backward pass come by. */
  readonly through: tf.Scalar;
  /**
   * Called in the backward pass, in a scope of its own: keep (`tf.keep`) what must outlive it. `slope` is that of y; `factor()` gives x, or the normalised
   * n. Both `[batch, tokens, size]`, or `[1, n, size]` with the n tokens of all texts one after the other where padding is left out.
   */
  readonly observe: (slope: tf.Tensor, factor: () => tf.Tensor) => void;
}
/**
 * Acts at a sublayer with input x and output y, before the residual is added: `sequential` replaces y by `apply(y)`; `normed` adds
 * `apply(LayerNorm(x + y))` to it, with the sublayer's own LayerNorm (AdapterHub's `seq_bn`); `parallel` adds `apply(x)`, in this order.
 * `[batch, tokens, hidden]` in and out.
 */
export interface SublayerAdapter extends Activation {
  readonly kind: 'sublayerAdapter';
  readonly path: string;
  readonly placement: 'sequential' | 'normed' | 'parallel';
}
/**
 * `logits = h · weightᵀ + bias` with weight `[labels, size]`, bias `[labels]`; h is the readout of the hidden states, or
 * `activation(readout · hidden.weightᵀ + hidden.bias)` with hidden weight `[size, hidden]`, bias `[size]`.
 */
export interface ReadoutMap {
  readonly kind: 'readout';
  readonly readout: Readout;
  readonly weight: tf.Tensor;
  readonly bias: tf.Tensor;
  readonly hidden?: {
    readonly weight: tf.Tensor;
    /** Absent in a dense layer without one. */
    readonly bias?: tf.Tensor;
    readonly activation: HeadActivation;
    /** `[hidden]`: the weight of a LayerNorm without a bias after the activation. */
    readonly norm?: tf.Tensor;
  };
  /** Applied to the input of each affine map in training. */
  readonly dropout: number;
}
