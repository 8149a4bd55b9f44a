import * as tf from '@tensorflow/tfjs';

/**
 * True where `@tfjs-peft/backend` found the fused kernels, those in WebAssembly or those of `tfjs-peft setup-native`. Each operation that has one
 * asks here, and otherwise computes the same values with TensorFlow.js' own operations.
 */
export const hasFusedKernels = (): boolean => tf.getKernel('TfjsPeftAffine', tf.getBackend()) !== undefined;

/** What the kernels take for an input that is not given. */
export const notGiven = (): tf.Tensor => tf.tensor1d([]);

const run = (name: string, inputs: tf.NamedTensorMap, attributes: Record<string, boolean | number> = {}) =>
  tf.engine().runKernel(name, inputs, attributes) as tf.Tensor[];

/**
 * A kernel `[input, output]`, or its transpose, as the products below read it: made once, it spares each of them packing it anew. Of shape `[0]`
 * where the limit of memory for it is reached. The caller disposes it.
 */
export const nativePack = (kernel: tf.Tensor2D, transposed: boolean): tf.Tensor =>
  run('TfjsPeftPack', { kernel }, { transposed })[0]!;

/** A kernel as the products below read it. */
export interface PackedKernel {
  /** `[input, output]`, or its sizes alone, `[input, output, 0]`, where the packed one is there. */
  readonly kernel: tf.Tensor;
  /** The kernel, or its transpose, packed for the direction of the product; `[0]` beyond the limit of memory for it. */
  readonly packed: tf.Tensor;
}

/** `x · kernel + bias`, or with the transpose of the kernel; x `[…, input]`. */
export const nativeAffine = (
  x: tf.Tensor,
  { kernel, packed }: PackedKernel,
  bias: tf.Tensor,
  transposed = false,
): tf.Tensor => run('TfjsPeftAffine', { x, kernel, bias, packed }, { transposed })[0]!;

/** Entries of maps side by side: indices of each map's own matrix, one list after the other, their values, and where each list ends. */
export interface NativeEntries {
  readonly indices: tf.Tensor;
  readonly values: tf.Tensor;
  readonly ends: tf.Tensor;
}

/** The same with values added to entries of the kernel; the packed one has its own bits again when the call ends. */
export const nativeSparseAffine = (
  x: tf.Tensor,
  { kernel, packed }: PackedKernel,
  bias: tf.Tensor,
  entries: NativeEntries,
  transposed = false,
): tf.Tensor => run('TfjsPeftSparseAffine', { x, kernel, bias, ...entries, packed }, { transposed })[0]!;

/** The gradient of the values `[k]` from x `[…, input]` and dy `[…, outputs of all maps]`. */
export const nativeSparseGradient = (x: tf.Tensor, dy: tf.Tensor, indices: tf.Tensor, ends: tf.Tensor): tf.Tensor =>
  run('TfjsPeftSparseGradient', { x, dy, indices, ends })[0]!;

/**
 * Rows `from` of x `[rows, size]`, zeros for -1: `[n, size]` for a vector of n whole numbers. They come in float32, the one type that our
 * operations take, which is exact below 2^24.
 */
export const nativeMoveRows = (x: tf.Tensor2D, from: tf.Tensor1D): tf.Tensor =>
  run('TfjsPeftMoveRows', { x, from })[0]!;

/** gelu(x) and, if asked for, its derivative. */
export const nativeGelu = (x: tf.Tensor, keepDerivative: boolean) =>
  run('TfjsPeftGelu', { x }, { keep_derivative: keepDerivative }) as [tf.Tensor, tf.Tensor];

/** Two affine maps with gelu between them, and, if asked for, its derivative `[…, inner]`. */
export const nativeFeedForward = (
  x: tf.Tensor,
  { kernel: expand, packed: packedExpand }: PackedKernel,
  expandBias: tf.Tensor1D,
  { kernel: contract, packed: packedContract }: PackedKernel,
  contractBias: tf.Tensor1D,
  keepDerivative: boolean,
) =>
  run(
    'TfjsPeftFeedForward',
    { x, expand, expandBias, contract, contractBias, packedExpand, packedContract },
    { keep_derivative: keepDerivative },
  ) as [tf.Tensor, tf.Tensor];

/** Each kernel with its transpose packed. */
export const nativeFeedForwardGradient = (
  dy: tf.Tensor,
  derivative: tf.Tensor,
  { kernel: expand, packed: packedExpand }: PackedKernel,
  { kernel: contract, packed: packedContract }: PackedKernel,
): tf.Tensor =>
  run('TfjsPeftFeedForwardGradient', { dy, derivative, expand, contract, packedExpand, packedContract })[0]!;

/** The result, the normalised values, and one over the standard deviation of each row. */
export const nativeLayerNorm = (x: tf.Tensor, weight: tf.Tensor1D, bias: tf.Tensor1D, epsilon: number) =>
  run('TfjsPeftLayerNorm', { x, weight, bias }, { epsilon }) as [tf.Tensor, tf.Tensor, tf.Tensor];

export const nativeLayerNormGradient = (
  dy: tf.Tensor,
  weight: tf.Tensor1D,
  normalised: tf.Tensor,
  inverse: tf.Tensor,
): tf.Tensor => run('TfjsPeftLayerNormGradient', { dy, weight, normalised, inverse })[0]!;

/** x `[…, size]` and weight `[size]`: the result, and one over the root of the mean square of each row, `[…, 1]`. */
export const nativeRmsNorm = (x: tf.Tensor, weight: tf.Tensor1D, epsilon: number) =>
  run('TfjsPeftRmsNorm', { x, weight }, { epsilon }) as [tf.Tensor, tf.Tensor];

export const nativeRmsNormGradient = (
  dy: tf.Tensor,
  weight: tf.Tensor1D,
  x: tf.Tensor,
  inverse: tf.Tensor,
): tf.Tensor => run('TfjsPeftRmsNormGradient', { dy, weight, x, inverse })[0]!;

/** x `[batch, heads, tokens, size]` turned by angles `[1 or batch, 1, tokens, size]`, or back. */
export const nativeRotate = (x: tf.Tensor, cosines: tf.Tensor, sines: tf.Tensor, back: boolean): tf.Tensor =>
  run('TfjsPeftRotate', { x, cosines, sines }, { back })[0]!;

/** `silu(gate) · up`, entry by entry: three tensors of one shape. */
export const nativeGatedSilu = (gate: tf.Tensor, up: tf.Tensor): tf.Tensor =>
  run('TfjsPeftGatedSilu', { gate, up })[0]!;

/** Gradients of gate and up, in their shape. */
export const nativeGatedSiluGradient = (dy: tf.Tensor, gate: tf.Tensor, up: tf.Tensor) =>
  run('TfjsPeftGatedSiluGradient', { dy, gate, up }) as [tf.Tensor, tf.Tensor];

/** What both directions of the attention take; shapes as in fused-attention.ts. */
export interface NativeAttentionInputs {
  readonly queryKeyValue: tf.Tensor;
  readonly prefixKeys: tf.Tensor;
  readonly prefixValues: tf.Tensor;
  readonly mask: tf.Tensor;
  readonly dropout: tf.Tensor;
}

/** The context `[batch, tokens, hidden]`. */
export const nativeAttention = (inputs: NativeAttentionInputs, heads: number): tf.Tensor =>
  run('TfjsPeftAttention', { ...inputs }, { heads })[0]!;

/** Gradients of queries, keys and values side by side, and of the prefixes, these always with a batch axis. */
export const nativeAttentionGradient = (inputs: NativeAttentionInputs, dContext: tf.Tensor, heads: number) =>
  run('TfjsPeftAttentionGradient', { ...inputs, dContext }, { heads }) as [tf.Tensor, tf.Tensor, tf.Tensor];
