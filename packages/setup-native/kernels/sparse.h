// Affine maps of which a few entries were changed, and the gradient of those entries.
#pragma once

#include "affine.h"

namespace {

/** Calls `body(entry, row, column)` for entries `first` up to `end`, with their places in the matrix in which the maps stand side by side. */
template <typename Body> inline void for_entries(const SparseEntries &entries, int outputs, int first, int end, const Body &body) {
  const int width = outputs / entries.maps;
  int map = 0;
  for (int entry = first; entry < end; entry++) {
    while (entry >= entries.ends[map]) map++;
    const int index = entries.indices[entry];
    body(entry, index / width, map * width + index % width);
  }
}

/** The same from the last of `count` entries to the first. */
template <typename Body> inline void for_entries_backwards(const SparseEntries &entries, int outputs, int count, const Body &body) {
  const int width = outputs / entries.maps;
  int map = entries.maps - 1;
  for (int entry = count - 1; entry >= 0; entry--) {
    while (map > 0 && entry < entries.ends[map - 1]) map--;
    const int index = entries.indices[entry];
    body(entry, index / width, map * width + index % width);
  }
}

/**
 * The packed kernel is changed at the entries for the time of the product and then gets its own bits back: no other call runs meanwhile, and a copy
 * of it would cost more than the entries.
 */
bool sparse_affine(const SparseAffineCall &call) {
  const AffineCall &at = call.affine;
  float *packed = at.packed ? const_cast<float *>(at.packed) : pack_kernel(at);
  const int count = call.entries.ends[call.entries.maps - 1];
  float *before = scratch(OWN, count > 0 ? count : 1);
  if (!packed || !before) return false;
  // Of the maps; those of the product are the inputs if the kernel is transposed.
  const int outputs = at.transposed ? at.inputs : at.outputs;
  const auto place_of = [&](int row, int column) {
    const size_t depth = at.transposed ? column : row, place = at.transposed ? row : column;
    return packed + place / PANEL * at.inputs * PANEL + depth * PANEL + place % PANEL;
  };
  for_entries(call.entries, outputs, 0, count, [&](int entry, int row, int column) {
    float *const place = place_of(row, column);
    before[entry] = *place;
    *place += call.values[entry];
  });
  affine_packed(at, packed);
  // Backwards: an entry that is listed twice had its own bits when it was met first.
  for_entries_backwards(call.entries, outputs, count, [&](int entry, int row, int column) { *place_of(row, column) = before[entry]; });
  return true;
}

/** Entries whose sums stay in the nearest caches while the tokens go by. */
constexpr int ENTRIES = 256;

/**
 * Both factors are packed with tokens side by side: an entry takes one vector product for as many tokens as a vector has lanes. Each sum runs over
 * the tokens in one order, whatever the threads.
 */
bool sparse_gradient(const SparseGradientCall &call) {
  const float *states = pack_all(transposed(by_rows(call.x, call.inputs)), call.inputs, call.rows, PACKED_FIRST);
  const float *slopes = pack_all(transposed(by_rows(call.dy, call.outputs)), call.outputs, call.rows, PACKED_SECOND);
  if (!states || !slopes) return false;
  in_parts(call.entries.ends[call.entries.maps - 1], ENTRIES, [&](int first, int end) {
    size_t rows[ENTRIES], columns[ENTRIES];
    Floats sums[ENTRIES] = {};
    for_entries(call.entries, call.outputs, first, end, [&](int entry, int row, int column) {
      rows[entry - first] = static_cast<size_t>(row) * PANEL;
      columns[entry - first] = static_cast<size_t>(column) * PANEL;
    });
    for (int panel = 0; panel < panels(call.rows); panel++) {
      const float *left = states + static_cast<size_t>(panel) * call.inputs * PANEL;
      const float *right = slopes + static_cast<size_t>(panel) * call.outputs * PANEL;
      for (int i = 0; i < end - first; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) sums[i] += load(left + rows[i] + v * LANES) * load(right + columns[i] + v * LANES);
    }
    for (int i = 0; i < end - first; i++) call.gradient[first + i] = sum(sums[i]);
  });
  return true;
}

} // namespace
