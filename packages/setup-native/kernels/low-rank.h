// Products of low rank beside an affine map, and their gradients. Each sum runs over its terms in order, whatever the threads. A delta with a core has in
// its `narrow` columns n = x · down and then S = x · core, row after row; its middle is S · n.
#pragma once

#include "affine.h"

namespace {

/** The core of a delta; null if it has none. */
inline const float *core_of(const LowRankDeltas &at, int delta) {
  const int first = at.count - at.dynamic;
  return delta < first ? nullptr : at.core[delta - first];
}

/** How many columns x times its factors has. */
inline int columns_of(const LowRankDeltas &at, int delta) {
  const int rank = at.rank[delta];
  return core_of(at, delta) ? rank + rank * rank : rank;
}

/** A matrix `[rows, width]` into columns of a wider one. */
inline void copy_columns(const float *from, int rows, int width, float *to, size_t row_size) {
  for (int row = 0; row < rows; row++)
    std::memcpy(to + row * row_size, from + static_cast<size_t>(row) * width, width * sizeof(float));
}

/** All factors `down` and cores side by side, `[inputs, columns]`. */
float *join_downs(const LowRankDeltas &at, int inputs) {
  float *joined = scratch(SUMS_SECOND, static_cast<size_t>(inputs) * at.columns);
  if (!joined) return nullptr;
  for (int delta = 0, start = 0; delta < at.count; start += columns_of(at, delta++)) {
    const int rank = at.rank[delta];
    copy_columns(at.down[delta], inputs, rank, joined + start, at.columns);
    if (const float *core = core_of(at, delta)) copy_columns(core, inputs, rank * rank, joined + start + rank, at.columns);
  }
  return joined;
}

/** `S · n` of each row. */
inline void middles(const float *narrow, size_t row_size, int rows, int rank, float *middle, size_t middle_size) {
  for (int row = 0; row < rows; row++, narrow += row_size, middle += middle_size)
    for (int p = 0; p < rank; p++) {
      const float *matrix = narrow + rank + p * rank;
      float sum = 0;
      for (int q = 0; q < rank; q++) sum += matrix[q] * narrow[q];
      middle[p] = sum;
    }
}

/** From the slopes of the middles to those of n and of S. */
inline void middle_slopes(const float *narrow, const float *d_middle, int rows, int rank, float *slope, size_t row_size) {
  for (int row = 0; row < rows; row++, narrow += row_size, slope += row_size, d_middle += rank) {
    for (int q = 0; q < rank; q++) slope[q] = 0;
    for (int p = 0; p < rank; p++)
      for (int q = 0; q < rank; q++) {
        slope[q] += d_middle[p] * narrow[rank + p * rank + q];
        slope[rank + p * rank + q] = d_middle[p] * narrow[q];
      }
  }
}

/** The factors `up` packed one after the other, each times its scale; transposed they are `[width, rank]`. */
float *pack_ups(const LowRankDeltas &at, bool is_transposed, Scratch where) {
  size_t size = 0;
  for (int delta = 0; delta < at.count; delta++)
    size += is_transposed ? packed_size(at.width[delta], at.rank[delta]) : packed_size(at.rank[delta], at.width[delta]);
  float *packed = scratch(where, size), *to = packed;
  for (int delta = 0; packed && delta < at.count; delta++) {
    const int rank = at.rank[delta], width = at.width[delta];
    const Matrix up = by_rows(at.up[delta], width);
    if (is_transposed) pack(transposed(up), width, rank, at.scale[delta], to, 0, panels(rank));
    else pack(up, rank, width, at.scale[delta], to, 0, panels(width));
    to += is_transposed ? packed_size(width, rank) : packed_size(rank, width);
  }
  return packed;
}

bool low_rank(const LowRankCall &call) {
  const LowRankDeltas &at = call.deltas;
  const float *joined = join_downs(at, call.inputs);
  const float *first = joined ? pack_all(by_rows(joined, at.columns), call.inputs, at.columns, PACKED_FIRST) : nullptr;
  const float *second = pack_ups(at, false, PACKED_SECOND);
  if (!first || !second) return false;
  bool enough = true;
  in_parts(call.rows, fair_height(call.rows), [&](int row, int end) {
    const int rows = end - row;
    const size_t outputs = call.outputs;
    float *narrow = call.narrow + static_cast<size_t>(row) * at.columns, *sum = call.sum + row * outputs;
    multiply(by_rows(call.x + static_cast<size_t>(row) * call.inputs, call.inputs), rows, call.inputs, first, at.columns, narrow, at.columns);
    std::memcpy(sum, call.y + row * outputs, rows * outputs * sizeof(float));
    float *product = scratch(OWN, static_cast<size_t>(CHUNK) * (call.outputs + at.ranks));
    if (!product) return void(enough = false);
    float *middle = product + CHUNK * outputs;
    const float *up = second;
    for (int delta = 0, start = 0; delta < at.count; delta++) {
      const int rank = at.rank[delta], width = at.width[delta];
      const bool is_dynamic = core_of(at, delta) != nullptr;
      if (is_dynamic) middles(narrow + start, at.columns, rows, rank, middle, rank);
      multiply(is_dynamic ? by_rows(middle, rank) : by_rows(narrow + start, at.columns), rows, rank, up, width, product, width);
      for (int i = 0; i < rows; i++) {
        float *to = sum + i * outputs + at.column[delta];
        for (int j = 0; j < width; j++) to[j] += product[static_cast<size_t>(i) * width + j];
      }
      up += packed_size(rank, width);
      start += columns_of(at, delta);
    }
  });
  return enough;
}

bool low_rank_gradient(const LowRankGradientCall &call) {
  const LowRankDeltas &at = call.deltas;
  const size_t outputs = call.outputs;
  float *joined = join_downs(at, call.inputs);
  // Slopes of `narrow`, and then the middles.
  float *slopes = scratch(SUMS_FIRST, static_cast<size_t>(call.rows) * (at.columns + at.ranks));
  const float *first = pack_ups(at, true, PACKED_FIRST);
  const float *second = joined ? pack_all(transposed(by_rows(joined, at.columns)), at.columns, call.inputs, PACKED_SECOND) : nullptr;
  if (!slopes || !first || !second) return false;
  float *middle = slopes + static_cast<size_t>(call.rows) * at.columns;
  bool enough = true;
  in_parts(call.rows, fair_height(call.rows), [&](int row, int end) {
    const int rows = end - row;
    const size_t place = static_cast<size_t>(row) * at.columns;
    float *d_middle = scratch(OWN, static_cast<size_t>(CHUNK) * at.ranks);
    if (!d_middle) return void(enough = false);
    const float *up = first;
    for (int delta = 0, start = 0, ranks = 0; delta < at.count; start += columns_of(at, delta), ranks += at.rank[delta++]) {
      const int rank = at.rank[delta], width = at.width[delta];
      const Matrix slope_of_sum = by_rows(call.dy + row * outputs + at.column[delta], outputs);
      if (core_of(at, delta)) {
        multiply(slope_of_sum, rows, width, up, rank, d_middle, rank);
        middle_slopes(call.narrow + place + start, d_middle, rows, rank, slopes + place + start, at.columns);
        middles(call.narrow + place + start, at.columns, rows, rank, middle + static_cast<size_t>(row) * at.ranks + ranks, at.ranks);
      } else {
        multiply(slope_of_sum, rows, width, up, rank, slopes + place + start, at.columns);
      }
      up += packed_size(width, rank);
    }
    multiply(by_rows(slopes + place, at.columns), rows, at.columns, second, call.inputs, call.dx + static_cast<size_t>(row) * call.inputs, call.inputs);
  });
  if (!enough) return false;
  /** `xᵀ · slopes` for `width` of their columns. */
  const auto sum_over_rows = [&](int column, int width, float *gradient) {
    const float *packed = pack_all(by_rows(slopes + column, at.columns), call.rows, width, PACKED_SECOND);
    if (!packed) return false;
    in_parts(call.inputs, 8 * TILE, [&](int input, int end) {
      multiply(transposed(by_rows(call.x + input, call.inputs)), end - input, call.rows, packed, width,
               gradient + static_cast<size_t>(input) * width, width);
    });
    return true;
  };
  // Gradients of the factors: sums over all rows.
  for (int delta = 0, start = 0, ranks = 0; delta < at.count; start += columns_of(at, delta), ranks += at.rank[delta++]) {
    const int rank = at.rank[delta], width = at.width[delta];
    const bool is_dynamic = core_of(at, delta) != nullptr;
    const float *packed = pack_all(by_rows(call.dy + at.column[delta], outputs), call.rows, width, PACKED_FIRST);
    if (!packed) return false;
    const Matrix left = transposed(is_dynamic ? by_rows(middle + ranks, at.ranks) : by_rows(call.narrow + start, at.columns));
    in_parts(panels(width), 2, [&](int panel, int end) {
      multiply(left, rank, call.rows, packed, width, nullptr, call.d_up[delta], width, panel, end);
    });
    for (size_t i = 0; i < static_cast<size_t>(rank) * width; i++) call.d_up[delta][i] *= at.scale[delta];
    if (!sum_over_rows(start, rank, call.d_down[delta])) return false;
    if (is_dynamic && !sum_over_rows(start + rank, rank * rank, call.d_core[delta - (at.count - at.dynamic)])) return false;
  }
  return true;
}

} // namespace
