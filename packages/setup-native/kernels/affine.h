// Products with constant matrices, and the feed-forward network between two of them.
#pragma once

#include "compute.h"
#include "matrix-product.h"
#include "tasks.h"

namespace {

void pack_on_threads(Matrix matrix, int depth, int columns, float *packed) {
  in_parts(panels(columns), 4, [=](int first, int end) { pack(matrix, depth, columns, 1, packed, first, end); });
}

/** Packs a matrix on all threads for one call. */
float *pack_all(Matrix matrix, int depth, int columns, Scratch where) {
  float *packed = scratch(where, packed_size(depth, columns));
  if (packed) pack_on_threads(matrix, depth, columns, packed);
  return packed;
}

/** The packed matrix that was given, or one packed for this call. */
const float *packed_or_pack(const float *packed, Matrix matrix, int depth, int columns, Scratch where) {
  return packed ? packed : pack_all(matrix, depth, columns, where);
}

inline Matrix kernel_matrix(const float *kernel, int inputs, int outputs, bool is_transposed) {
  return is_transposed ? transposed(by_rows(kernel, inputs)) : by_rows(kernel, outputs);
}

void pack_weights(const PackCall &call) {
  pack_on_threads(kernel_matrix(call.kernel, call.inputs, call.outputs, call.transposed), call.inputs, call.outputs, call.packed);
}

/**
 * Rows to take at a time: at most CHUNK, so that what is computed from them stays in the nearest caches, and such that every thread gets as many
 * parts.
 */
constexpr int CHUNK = 4 * TILE;

inline int fair_height(int rows) {
  const int threads = thread_count();
  const int rounds = (rows + threads * CHUNK - 1) / (threads * CHUNK), parts = threads * (rounds > 0 ? rounds : 1);
  return rows > parts ? (rows + parts - 1) / parts : 1;
}

inline /** The kernel packed for one call, in which it may be changed. */
float *pack_kernel(const AffineCall &call) {
  return pack_all(kernel_matrix(call.kernel, call.inputs, call.outputs, call.transposed), call.inputs, call.outputs, PACKED_FIRST);
}

/** So few rows that reading the weights takes longer than the product: then they are read once, each part of them by one thread. */
inline bool are_few(int rows) { return rows <= CHUNK; }

/** The affine map with the kernel packed. */
void affine_packed(const AffineCall &call, const float *packed) {
  const int height = are_few(call.rows) ? call.rows : fair_height(call.rows), all_panels = panels(call.outputs);
  const int row_parts = (call.rows + height - 1) / height;
  // Few rows: then the columns are shared out as well.
  const int wanted = 4 * thread_count() / (row_parts > 0 ? row_parts : 1);
  const int column_parts = smaller(wanted > 1 ? wanted : 1, all_panels);
  in_parallel(row_parts * column_parts, [&](int index) {
    const int row = index / column_parts * height, part = index % column_parts;
    multiply(by_rows(call.x + static_cast<size_t>(row) * call.inputs, call.inputs), smaller(height, call.rows - row),
             call.inputs, packed, call.outputs, call.bias, call.y + static_cast<size_t>(row) * call.outputs, call.outputs,
             all_panels * part / column_parts, all_panels * (part + 1) / column_parts);
  });
}

bool affine(const AffineCall &call) {
  const float *packed = call.packed ? call.packed : pack_kernel(call);
  if (packed) affine_packed(call, packed);
  return packed;
}

void add(const AddCall &call) {
  const size_t part = 1 << 14;
  in_parallel(static_cast<int>((call.size + part - 1) / part), [&](int index) {
    const size_t start = index * part, end = call.size - start < part ? call.size : start + part;
    for (size_t i = start; i < end; i++) call.sum[i] = call.a[i] + call.b[i];
  });
}

/** y = gelu(x), and its derivative unless that is null; y may be x. */
void gelu_of(const float *x, size_t size, float *y, float *derivative) {
  for (size_t i = 0; i < size; i += LANES) {
    const int count = size - i < LANES ? static_cast<int>(size - i) : LANES;
    const Floats value = count == LANES ? load(x + i) : load_some(x + i, count, 0);
    Floats density;
    const Floats share = normal_distribution(value, &density);
    if (count == LANES) {
      store(y + i, value * share);
      if (derivative) store(derivative + i, value * density + share);
    } else {
      store_some(y + i, value * share, count);
      if (derivative) store_some(derivative + i, value * density + share, count);
    }
  }
}

void gelu(const float *x, size_t size, float *y, float *derivative) {
  const size_t part = 1 << 14;
  in_parallel(static_cast<int>((size + part - 1) / part), [&](int index) {
    const size_t start = index * part;
    gelu_of(x + start, size - start < part ? size - start : part, y + start, derivative ? derivative + start : nullptr);
  });
}

bool feed_forward(const FeedForwardCall &call) {
  const float *first = packed_or_pack(call.packed_expand, by_rows(call.expand, call.inner), call.inputs, call.inner, PACKED_FIRST);
  const float *second = packed_or_pack(call.packed_contract, by_rows(call.contract, call.outputs), call.inner, call.outputs, PACKED_SECOND);
  if (!first || !second) return false;
  if (are_few(call.rows)) {
    float *inner = scratch(SUMS_FIRST, static_cast<size_t>(call.rows) * call.inner);
    if (!inner) return false;
    affine_packed({call.rows, call.inputs, call.inner, false, call.x, nullptr, call.expand_bias, inner, nullptr}, first);
    gelu_of(inner, static_cast<size_t>(call.rows) * call.inner, inner, call.derivative);
    affine_packed({call.rows, call.inner, call.outputs, false, inner, nullptr, call.contract_bias, call.y, nullptr}, second);
    return true;
  }
  bool enough = true;
  in_parts(call.rows, fair_height(call.rows), [&](int row, int end) {
    float *inner = scratch(OWN, static_cast<size_t>(CHUNK) * call.inner);
    if (!inner) return void(enough = false);
    const int rows = end - row;
    multiply(by_rows(call.x + static_cast<size_t>(row) * call.inputs, call.inputs), rows, call.inputs, first, call.inner,
             call.expand_bias, inner, call.inner, 0, panels(call.inner));
    gelu_of(inner, static_cast<size_t>(rows) * call.inner, inner,
            call.derivative ? call.derivative + static_cast<size_t>(row) * call.inner : nullptr);
    multiply(by_rows(inner, call.inner), rows, call.inner, second, call.outputs, call.contract_bias,
             call.y + static_cast<size_t>(row) * call.outputs, call.outputs, 0, panels(call.outputs));
  });
  return enough;
}

bool feed_forward_gradient(const FeedForwardGradientCall &call) {
  const float *first = packed_or_pack(call.packed_contract, transposed(by_rows(call.contract, call.outputs)), call.outputs, call.inner, PACKED_FIRST);
  const float *second = packed_or_pack(call.packed_expand, transposed(by_rows(call.expand, call.inner)), call.inner, call.inputs, PACKED_SECOND);
  if (!first || !second) return false;
  if (are_few(call.rows)) {
    const size_t size = static_cast<size_t>(call.rows) * call.inner;
    float *inner = scratch(SUMS_FIRST, size);
    if (!inner) return false;
    affine_packed({call.rows, call.outputs, call.inner, false, call.dy, nullptr, nullptr, inner, nullptr}, first);
    for (size_t i = 0; i < size; i++) inner[i] *= call.derivative[i];
    affine_packed({call.rows, call.inner, call.inputs, false, inner, nullptr, nullptr, call.dx, nullptr}, second);
    return true;
  }
  bool enough = true;
  in_parts(call.rows, fair_height(call.rows), [&](int row, int end) {
    float *inner = scratch(OWN, static_cast<size_t>(CHUNK) * call.inner);
    if (!inner) return void(enough = false);
    const int rows = end - row;
    multiply(by_rows(call.dy + static_cast<size_t>(row) * call.outputs, call.outputs), rows, call.outputs, first,
             call.inner, inner, call.inner);
    const float *derivative = call.derivative + static_cast<size_t>(row) * call.inner;
    for (size_t i = 0; i < static_cast<size_t>(rows) * call.inner; i++) inner[i] *= derivative[i];
    multiply(by_rows(inner, call.inner), rows, call.inner, second, call.inputs,
             call.dx + static_cast<size_t>(row) * call.inputs, call.inputs);
  });
  return enough;
}

} // namespace
