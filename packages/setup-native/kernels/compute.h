// What the kernels compute, without TensorFlow. All matrices are float32, row after row.
#pragma once

#include <cstddef>

/** `[rows, inputs] → [rows, outputs]`. */
struct AffineCall {
  int rows, inputs, outputs;
  /** The kernel is `[inputs, outputs]`, or `[outputs, inputs]` if `transposed`. */
  bool transposed;
  const float *x, *kernel, *bias;
  float *y;
  /** The kernel as `pack` gave it in this direction, or null: then it is packed in the call. */
  const float *packed;
};

/** A kernel as products read it: `packed` `[panels, inputs, panel]` holds the outputs in panels of as many columns as `Compute` says. */
struct PackCall {
  int inputs, outputs;
  /** The kernel is `[inputs, outputs]`, or `[outputs, inputs]` if `transposed`. */
  bool transposed;
  const float *kernel;
  float *packed;
};

/**
 * Entries of affine maps of one input whose kernels `[inputs, outputs / maps]` stand side by side in `[inputs, outputs]`. `indices` are flat
 * indices of each map's own kernel, one list after the other; `ends` says where each list ends. The caller has checked them.
 */
struct SparseEntries {
  int maps;
  const int *indices, *ends;
};

/** The same as an AffineCall with `values` added to entries of the kernel. */
struct SparseAffineCall {
  AffineCall affine;
  SparseEntries entries;
  const float *values;
};

/** `gradient[j] = Σ x[t, row j] · dy[t, column j]` over all rows t; x `[rows, inputs]`, dy `[rows, outputs]`. */
struct SparseGradientCall {
  int rows, inputs, outputs;
  const float *x, *dy;
  SparseEntries entries;
  float *gradient;
};

/**
 * `y = gelu(x · expand + expand_bias) · contract + contract_bias`; `derivative` `[rows, inner]` takes the derivative of gelu if it is not null.
 * `outputs` is the size of y.
 */
struct FeedForwardCall {
  int rows, inputs, inner, outputs;
  const float *x, *expand, *expand_bias, *contract, *contract_bias;
  float *y, *derivative;
  /** Both kernels packed, or null. */
  const float *packed_expand, *packed_contract;
};

/** `dx = ((dy · contractᵀ) ∘ derivative) · expandᵀ`. */
struct FeedForwardGradientCall {
  int rows, inputs, inner, outputs;
  const float *dy, *derivative, *expand, *contract;
  float *dx;
  /** Both kernels packed transposed, or null. */
  const float *packed_expand, *packed_contract;
};

/**
 * Deltas `scale · down · up` of maps side by side: down `[inputs, rank]`, up `[rank, width]`, added to `width` columns from `column` on. The last `dynamic`
 * of them have a core `[inputs, rank · rank]`: between the factors stands the matrix that a row of x makes with it.
 */
struct LowRankDeltas {
  int count, dynamic;
  /** The sum of all ranks, and of all columns of the factors `down` and the cores. */
  int ranks, columns;
  const int *rank, *width, *column;
  const float *scale;
  const float *const *down, *const *up, *const *core;
};

/** `sum = y + x · deltas`; `narrow` `[rows, columns]` takes x times each `down` and the core beside it. */
struct LowRankCall {
  int rows, inputs, outputs;
  LowRankDeltas deltas;
  const float *x, *y;
  float *sum, *narrow;
};

/** Gradients from those of the sum. */
struct LowRankGradientCall {
  int rows, inputs, outputs;
  LowRankDeltas deltas;
  const float *x, *dy, *narrow;
  float *dx;
  float *const *d_down, *const *d_up, *const *d_core;
};

struct AddCall {
  size_t size;
  const float *a, *b;
  float *sum;
};

/** `M' = beta1 M + s g`, `V' = beta2 V + (s g)²`, `value' = keep · value - rate · M' / (√V' + epsilon)`. */
struct AdamWNumbers {
  float gradient_scale, beta1, beta2, epsilon, keep, rate;
};

struct AdamWCall {
  size_t size;
  AdamWNumbers numbers;
  const float *value, *gradient, *first_moment, *second_moment;
  float *new_value, *new_first_moment, *new_second_moment;
};

/**
 * The sum of the products of `size` numbers, to the bits of TensorFlow's `Sum` of `Mul` by one thread of a processor with AVX: in halves down to a few
 * thousand numbers, of which four vectors of 8 are summed side by side.
 */
struct DotCall {
  const float *a, *b;
  size_t size;
  float *sum;
};

/** `difference = a · of_a - b · of_b`, both products rounded. */
struct DifferenceCall {
  size_t size;
  const float *a, *b;
  float of_a, of_b;
  float *difference;
};

/** `mixed[row] = Σ coefficients[row, vertex] · vertex`, each vertex `[size]`. */
struct MixCall {
  int rows, vertices;
  size_t size;
  const float *coefficients;
  const float *const *points;
  float *mixed;
};

/** `gradients[vertex] = Σ coefficients[row, vertex] · d_mixed[row]`. */
struct MixGradientCall {
  int rows, vertices;
  size_t size;
  const float *coefficients, *d_mixed;
  float *const *gradients;
};

/**
 * Factors of dropout: 0 where 16 random bits are below `threshold`, else `keep`. The bits are those of `dropoutFactors` in peft-core: sfc32,
 * started with `seed`.
 */
struct DropoutCall {
  size_t size;
  int threshold;
  const int *seed;
  float *factors;
};

/** Row i of the result is row `from[i]` of x, or zeros where that is below 0. The caller has checked that all are rows of x. */
struct MoveRowsCall {
  int rows, size;
  const float *x, *from;
  float *moved;
};

struct LayerNormCall {
  int rows, size;
  float epsilon;
  const float *x, *weight, *bias;
  float *y, *normalised, *inverse;
};

struct LayerNormGradientCall {
  int rows, size;
  const float *dy, *weight, *normalised, *inverse;
  float *dx;
};

/** `y = x · inverse · weight`, inverse one over the root of the mean square of a row, and epsilon under the root. */
struct RmsNormCall {
  int rows, size;
  float epsilon;
  const float *x, *weight;
  float *y, *inverse;
};

struct RmsNormGradientCall {
  int rows, size;
  const float *dy, *weight, *x, *inverse;
  float *dx;
};

/**
 * Each pair of numbers of x `[batch, heads, tokens, head_size]`, half a head apart, turned by its angle, or back; cosines and sines
 * `[batch, tokens, head_size]`, or without batch if `same_angles`.
 */
struct RotateCall {
  int batch, heads, tokens, head_size;
  bool same_angles, back;
  const float *x, *cosines, *sines;
  float *y;
};

/** `y = silu(gate) · up`. */
struct GatedSiluCall {
  size_t size;
  const float *gate, *up;
  float *y;
};

struct GatedSiluGradientCall {
  size_t size;
  const float *dy, *gate, *up;
  float *d_gate, *d_up;
};

/**
 * Shapes: `query_key_value` `[batch, tokens, 3, heads, head_size]`; prefix keys and values `[batch, heads, prefix, head_size]`, or without batch if
 * `shared_prefix`; mask `[batch, tokens]`; the optional dropout factors `[batch, heads, tokens, prefix + tokens]`; `context`
 * `[batch, tokens, heads, head_size]`.
 */
struct AttentionInputs {
  int batch, tokens, heads, head_size, prefix;
  bool shared_prefix;
  const float *query_key_value, *prefix_keys, *prefix_values, *mask, *dropout;
};

/** The weights are not kept: computing them again takes less time than writing and reading them. */
struct AttentionCall {
  AttentionInputs inputs;
  float *context;
};

/** The gradients of the prefixes always have a batch axis. */
struct AttentionGradientCall {
  AttentionInputs inputs;
  const float *d_context;
  float *d_query_key_value, *d_prefix_keys, *d_prefix_values;
};

/** All of it for one instruction set; each function returns false if there is no memory. */
struct Compute {
  const char *instructions;
  /** Columns of a panel of packed kernels. */
  int panel;
  void (*pack)(const PackCall &);
  bool (*affine)(const AffineCall &);
  bool (*sparse_affine)(const SparseAffineCall &);
  bool (*sparse_gradient)(const SparseGradientCall &);
  bool (*feed_forward)(const FeedForwardCall &);
  bool (*feed_forward_gradient)(const FeedForwardGradientCall &);
  bool (*low_rank)(const LowRankCall &);
  bool (*low_rank_gradient)(const LowRankGradientCall &);
  void (*add)(const AddCall &);
  void (*adamw)(const AdamWCall &);
  void (*dot)(const DotCall &);
  void (*difference)(const DifferenceCall &);
  void (*mix)(const MixCall &);
  void (*mix_gradient)(const MixGradientCall &);
  void (*dropout)(const DropoutCall &);
  void (*move_rows)(const MoveRowsCall &);
  void (*gelu)(const float *x, size_t size, float *y, float *derivative);
  void (*layer_norm)(const LayerNormCall &);
  void (*layer_norm_gradient)(const LayerNormGradientCall &);
  void (*rms_norm)(const RmsNormCall &);
  void (*rms_norm_gradient)(const RmsNormGradientCall &);
  void (*rotate)(const RotateCall &);
  void (*gated_silu)(const GatedSiluCall &);
  void (*gated_silu_gradient)(const GatedSiluGradientCall &);
  bool (*attention)(const AttentionCall &);
  bool (*attention_gradient)(const AttentionGradientCall &);
};

#if defined(__x86_64__)
extern const Compute compute_avx512, compute_avx2;
#endif
extern const Compute compute_baseline;
