// Products of low rank beside an affine map, and their gradients. Each sum runs over its terms in order, whatever the threads.
#pragma once

#include "affine.h"

namespace {

/** All factors `down` side by side, `[inputs, ranks]`. */
float *join_downs(const LowRankDeltas &at, int inputs) {
  float *joined = scratch(SUMS_SECOND, static_cast<size_t>(inputs) * at.ranks);
  if (!joined) return nullptr;
  for (int delta = 0, start = 0; delta < at.count; start += at.rank[delta++])
    for (int row = 0; row < inputs; row++)
      std::memcpy(joined + static_cast<size_t>(row) * at.ranks + start, at.down[delta] + static_cast<size_t>(row) * at.rank[delta],
                  at.rank[delta] * sizeof(float));
  return joined;
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
  const float *first = joined ? pack_all(by_rows(joined, at.ranks), call.inputs, at.ranks, PACKED_FIRST) : nullptr;
  const float *second = pack_ups(at, false, PACKED_SECOND);
  if (!first || !second) return false;
  bool enough = true;
  in_parts(call.rows, fair_height(call.rows), [&](int row, int end) {
    const int rows = end - row;
    const size_t outputs = call.outputs;
    float *narrow = call.narrow + static_cast<size_t>(row) * at.ranks, *sum = call.sum + row * outputs;
    multiply(by_rows(call.x + static_cast<size_t>(row) * call.inputs, call.inputs), rows, call.inputs, first, at.ranks, narrow, at.ranks);
    std::memcpy(sum, call.y + row * outputs, rows * outputs * sizeof(float));
    float *product = scratch(OWN, static_cast<size_t>(CHUNK) * call.outputs);
    if (!product) return void(enough = false);
    const float *up = second;
    for (int delta = 0, start = 0; delta < at.count; delta++) {
      const int rank = at.rank[delta], width = at.width[delta];
      multiply(by_rows(narrow + start, at.ranks), rows, rank, up, width, product, width);
      for (int i = 0; i < rows; i++) {
        float *to = sum + i * outputs + at.column[delta];
        for (int j = 0; j < width; j++) to[j] += product[static_cast<size_t>(i) * width + j];
      }
      up += packed_size(rank, width);
      start += rank;
    }
  });
  return enough;
}

bool low_rank_gradient(const LowRankGradientCall &call) {
  const LowRankDeltas &at = call.deltas;
  const size_t outputs = call.outputs;
  float *joined = join_downs(at, call.inputs);
  float *slopes = scratch(SUMS_FIRST, static_cast<size_t>(call.rows) * at.ranks);
  const float *first = pack_ups(at, true, PACKED_FIRST);
  const float *second = joined ? pack_all(transposed(by_rows(joined, at.ranks)), at.ranks, call.inputs, PACKED_SECOND) : nullptr;
  if (!slopes || !first || !second) return false;
  in_parts(call.rows, fair_height(call.rows), [&](int row, int end) {
    const int rows = end - row;
    float *slope = slopes + static_cast<size_t>(row) * at.ranks;
    const float *up = first;
    for (int delta = 0, start = 0; delta < at.count; delta++) {
      const int rank = at.rank[delta], width = at.width[delta];
      multiply(by_rows(call.dy + row * outputs + at.column[delta], outputs), rows, width, up, rank, slope + start, at.ranks);
      up += packed_size(width, rank);
      start += rank;
    }
    multiply(by_rows(slope, at.ranks), rows, at.ranks, second, call.inputs, call.dx + static_cast<size_t>(row) * call.inputs, call.inputs);
  });
  // Gradients of the factors: sums over all rows.
  for (int delta = 0, start = 0; delta < at.count; start += at.rank[delta++]) {
    const int rank = at.rank[delta], width = at.width[delta];
    const float *packed = pack_all(by_rows(call.dy + at.column[delta], outputs), call.rows, width, PACKED_FIRST);
    if (!packed) return false;
    const Matrix narrow = transposed(by_rows(call.narrow + start, at.ranks));
    in_parts(panels(width), 2, [&](int panel, int end) {
      multiply(narrow, rank, call.rows, packed, width, nullptr, call.d_up[delta], width, panel, end);
    });
    for (size_t i = 0; i < static_cast<size_t>(rank) * width; i++) call.d_up[delta][i] *= at.scale[delta];
    const float *packed_slopes = pack_all(by_rows(slopes + start, at.ranks), call.rows, rank, PACKED_SECOND);
    if (!packed_slopes) return false;
    in_parts(call.inputs, 8 * TILE, [&](int input, int end) {
      multiply(transposed(by_rows(call.x + input, call.inputs)), end - input, call.rows, packed_slopes, rank,
               call.d_down[delta] + static_cast<size_t>(input) * rank, rank);
    });
  }
  return true;
}

} // namespace
