// The kernels of compute.h as functions of a WebAssembly module that lives in the memory of tfjs-backend-wasm: an address is a number of bytes into
// that memory, and 0 stands for an input that is not given. Shapes are checked by the caller, packages/backend/src/wasm-operations.ts.
#include "compute.h"
#include "parallel.h"

extern const Compute compute_wasm;

/** Memory of tfjs-backend-wasm. */
#define IMPORT(NAME) extern "C" __attribute__((import_module("env"), import_name(#NAME)))
IMPORT(malloc) void *take(size_t bytes);
IMPORT(free) void give_back(void *address);

/** One thread computes. */
int thread_count() { return 1; }

void run_tasks(int tasks, void (*task)(const void *, int), const void *context) {
  for (int index = 0; index < tasks; index++) task(context, index);
}

float *scratch(Scratch which, size_t floats) {
  static float *buffers[SCRATCHES];
  static size_t sizes[SCRATCHES];
  if (sizes[which] < floats) {
    if (buffers[which]) give_back(buffers[which]);
    // Beyond that the number of bytes would begin again from 0.
    buffers[which] = floats <= static_cast<size_t>(-1) / sizeof(float) ? static_cast<float *>(take(floats * sizeof(float))) : nullptr;
    sizes[which] = buffers[which] ? floats : 0;
  }
  return buffers[which];
}

#define EXPORT extern "C" __attribute__((visibility("default")))
typedef const float *In;
typedef float *Out;
typedef const int *Whole;

/** Columns of a panel of packed kernels. */
EXPORT int panel() { return compute_wasm.panel; }

EXPORT void pack(int inputs, int outputs, bool transposed, In kernel, Out packed) {
  compute_wasm.pack({inputs, outputs, transposed, kernel, packed});
}

EXPORT bool affine(int rows, int inputs, int outputs, bool transposed, In x, In kernel, In bias, In packed, Out y) {
  return compute_wasm.affine({rows, inputs, outputs, transposed, x, kernel, bias, y, packed});
}

/** Whether entries lie within kernels of `size` numbers, and their lists end one after the other, the last with the indices. */
EXPORT bool entriesFit(int count, Whole indices, int maps, Whole ends, int size) {
  int before = 0;
  for (int map = 0; map < maps; before = ends[map++])
    if (ends[map] < before) return false;
  for (int i = 0; i < count; i++)
    if (indices[i] < 0 || indices[i] >= size) return false;
  return before == count;
}

EXPORT bool sparseAffine(int rows, int inputs, int outputs, bool transposed, In x, In kernel, In bias, In packed, int maps, Whole indices, Whole ends,
                         In values, Out y) {
  return compute_wasm.sparse_affine({{rows, inputs, outputs, transposed, x, kernel, bias, y, packed}, {maps, indices, ends}, values});
}

EXPORT bool sparseGradient(int rows, int inputs, int outputs, In x, In dy, int maps, Whole indices, Whole ends, Out gradient) {
  return compute_wasm.sparse_gradient({rows, inputs, outputs, x, dy, {maps, indices, ends}, gradient});
}

EXPORT bool feedForward(int rows, int inputs, int inner, int outputs, In x, In expand, In expandBias, In contract, In contractBias, In packedExpand,
                        In packedContract, Out y, Out derivative) {
  return compute_wasm.feed_forward(
      {rows, inputs, inner, outputs, x, expand, expandBias, contract, contractBias, y, derivative, packedExpand, packedContract});
}

EXPORT bool feedForwardGradient(int rows, int inputs, int inner, int outputs, In dy, In derivative, In expand, In contract, In packedExpand,
                                In packedContract, Out dx) {
  return compute_wasm.feed_forward_gradient({rows, inputs, inner, outputs, dy, derivative, expand, contract, dx, packedExpand, packedContract});
}

EXPORT bool lowRank(int rows, int inputs, int outputs, int count, int dynamic, int ranks, int columns, Whole rank, Whole width, Whole column, In scale,
                    const In *down, const In *up, const In *core, In x, In y, Out sum, Out narrow) {
  return compute_wasm.low_rank(
      {rows, inputs, outputs, {count, dynamic, ranks, columns, rank, width, column, scale, down, up, core}, x, y, sum, narrow});
}

EXPORT bool lowRankGradient(int rows, int inputs, int outputs, int count, int dynamic, int ranks, int columns, Whole rank, Whole width, Whole column,
                            In scale, const In *down, const In *up, const In *core, In x, In dy, In narrow, Out dx, const Out *dDown, const Out *dUp,
                            const Out *dCore) {
  return compute_wasm.low_rank_gradient({rows, inputs, outputs, {count, dynamic, ranks, columns, rank, width, column, scale, down, up, core}, x, dy,
                                         narrow, dx, dDown, dUp, dCore});
}

EXPORT void add(size_t size, In a, In b, Out sum) { compute_wasm.add({size, a, b, sum}); }

EXPORT void adamw(size_t size, In gradientScale, In numbers, In value, In gradient, In first, In second, Out newValue, Out newFirst, Out newSecond) {
  compute_wasm.adamw({size,
                      {*gradientScale, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]},
                      value,
                      gradient,
                      first,
                      second,
                      newValue,
                      newFirst,
                      newSecond});
}

/** `sum = a · b`, or that much more. */
EXPORT void dot(size_t size, In a, In b, bool more, Out sum) {
  float product = 0;
  compute_wasm.dot({a, b, size, &product});
  *sum = more ? *sum + product : product;
}

EXPORT void difference(size_t size, In a, In b, In ofA, In ofB, Out difference) {
  compute_wasm.difference({size, a, b, *ofA, *ofB, difference});
}

EXPORT void mix(int rows, int vertices, size_t size, In coefficients, const In *points, Out mixed) {
  compute_wasm.mix({rows, vertices, size, coefficients, points, mixed});
}

EXPORT void mixGradient(int rows, int vertices, size_t size, In coefficients, In dMixed, const Out *gradients) {
  compute_wasm.mix_gradient({rows, vertices, size, coefficients, dMixed, gradients});
}

EXPORT void dropoutFactors(size_t size, int threshold, Whole seed, Out factors) { compute_wasm.dropout({size, threshold, seed, factors}); }

/** Whether these are rows of so many, or -1. */
EXPORT bool rowsFit(int count, In from, int rows) {
  for (int i = 0; i < count; i++)
    if (!(from[i] >= -1 && from[i] < rows)) return false;
  return true;
}

EXPORT void moveRows(int rows, int size, In x, In from, Out moved) { compute_wasm.move_rows({rows, size, x, from, moved}); }

EXPORT void gelu(size_t size, In x, Out y, Out derivative) { compute_wasm.gelu(x, size, y, derivative); }

EXPORT void layerNorm(int rows, int size, float epsilon, In x, In weight, In bias, Out y, Out normalised, Out inverse) {
  compute_wasm.layer_norm({rows, size, epsilon, x, weight, bias, y, normalised, inverse});
}

EXPORT void layerNormGradient(int rows, int size, In dy, In weight, In normalised, In inverse, Out dx) {
  compute_wasm.layer_norm_gradient({rows, size, dy, weight, normalised, inverse, dx});
}

EXPORT void rmsNorm(int rows, int size, float epsilon, In x, In weight, Out y, Out inverse) {
  compute_wasm.rms_norm({rows, size, epsilon, x, weight, y, inverse});
}

EXPORT void rmsNormGradient(int rows, int size, In dy, In weight, In x, In inverse, Out dx) {
  compute_wasm.rms_norm_gradient({rows, size, dy, weight, x, inverse, dx});
}

EXPORT void rotate(int batch, int heads, int tokens, int headSize, bool sameAngles, bool back, In x, In cosines, In sines, Out y) {
  compute_wasm.rotate({batch, heads, tokens, headSize, sameAngles, back, x, cosines, sines, y});
}

EXPORT void gatedSilu(size_t size, In gate, In up, Out y) { compute_wasm.gated_silu({size, gate, up, y}); }

EXPORT void gatedSiluGradient(size_t size, In dy, In gate, In up, Out dGate, Out dUp) {
  compute_wasm.gated_silu_gradient({size, dy, gate, up, dGate, dUp});
}

EXPORT bool attention(int batch, int tokens, int heads, int headSize, int prefix, bool sharedPrefix, In queryKeyValue, In prefixKeys,
                      In prefixValues, In mask, In dropout, Out context) {
  return compute_wasm.attention(
      {{batch, tokens, heads, headSize, prefix, sharedPrefix, queryKeyValue, prefixKeys, prefixValues, mask, dropout}, context});
}

EXPORT bool attentionGradient(int batch, int tokens, int heads, int headSize, int prefix, bool sharedPrefix, In queryKeyValue, In prefixKeys,
                              In prefixValues, In mask, In dropout, In dContext, Out dQueryKeyValue, Out dPrefixKeys, Out dPrefixValues) {
  return compute_wasm.attention_gradient(
      {{batch, tokens, heads, headSize, prefix, sharedPrefix, queryKeyValue, prefixKeys, prefixValues, mask, dropout},
       dContext,
       dQueryKeyValue,
       dPrefixKeys,
       dPrefixValues});
}
