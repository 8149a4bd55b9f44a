// The matrix product of one thread. One factor is packed first: into panels of PANEL columns that lie row after row, so that the inner loop
// reads it in one stream from the nearest cache. TILE rows times one panel of the result stay in registers meanwhile.
#pragma once

#include "simd.h"

namespace {

#if defined(__AVX512F__) // 32 registers of 16
constexpr int TILE = 12, VECTORS = 2;
#elif defined(__AVX2__) // 16 registers of 8
constexpr int TILE = 6, VECTORS = 2;
#elif defined(__aarch64__) // 32 registers of 4
constexpr int TILE = 8, VECTORS = 3;
#elif defined(__wasm__) // with taller tiles the compiler of V8 moves sums to memory and back, at half the speed
constexpr int TILE = 4, VECTORS = 2;
#else // 16 registers of 4
constexpr int TILE = 6, VECTORS = 2;
#endif
constexpr int PANEL = VECTORS * LANES;
/** Rows of a panel that are used at a time: they and as many columns of a tile fit the nearest caches. */
constexpr int DEPTH = 384;

inline int smaller(int a, int b) { return a < b ? a : b; }
inline int panels(int columns) { return (columns + PANEL - 1) / PANEL; }
inline size_t packed_size(int depth, int columns) { return static_cast<size_t>(panels(columns)) * PANEL * depth; }

/** A matrix somewhere in memory: element (i, j) is `data[i * row + j * column]`. */
struct Matrix {
  const float *data;
  size_t row, column;
};

inline Matrix by_rows(const float *data, size_t width) { return {data, width, 1}; }
inline Matrix transposed(Matrix matrix) { return {matrix.data, matrix.column, matrix.row}; }

/** Packs panels `first` up to `end` of a matrix of `depth` rows and `columns` columns, each element times `factor`; missing columns are 0. */
void pack(Matrix from, int depth, int columns, float factor, float *packed, int first, int end) {
  for (int panel = first; panel < end; panel++) {
    float *to = packed + static_cast<size_t>(panel) * depth * PANEL;
    const float *data = from.data + static_cast<size_t>(panel) * PANEL * from.column;
    const int width = smaller(PANEL, columns - panel * PANEL);
    if (width < PANEL) std::memset(to, 0, static_cast<size_t>(depth) * PANEL * sizeof(float));
    if (from.column == 1) {
      for (int k = 0; k < depth; k++)
        for (int j = 0; j < width; j++) to[k * PANEL + j] = factor * data[k * from.row + j];
    } else {
      // A few rows at a time, so that both sides are read and written in whole cache lines.
      for (int start = 0; start < depth; start += 16)
        for (int j = 0; j < width; j++)
          for (int k = start; k < smaller(depth, start + 16); k++) to[k * PANEL + j] = factor * data[k * from.row + j * from.column];
    }
  }
}

/** `ROWS` rows of a panel of the result, which is what `to` holds if `more`, else `start` (one value a column), plus a · packed. */
template <int ROWS>
inline void tile(Matrix a, const float *packed, int depth, float *to, size_t row, const float *start, bool more) {
  Floats sums[ROWS][VECTORS];
  for (int i = 0; i < ROWS; i++)
    for (int v = 0; v < VECTORS; v++)
      sums[i][v] = more ? load(to + i * row + v * LANES) : start ? load(start + v * LANES) : Floats{};
  const float *left = a.data;
  for (int k = 0; k < depth; k++, left += a.column, packed += PANEL) {
    Floats right[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) right[v] = load(packed + v * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++) {
      const float factor = left[i * a.row];
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++) sums[i][v] += factor * right[v];
    }
  }
  for (int i = 0; i < ROWS; i++)
    for (int v = 0; v < VECTORS; v++) store(to + i * row + v * LANES, sums[i][v]);
}

template <int ROWS>
inline void tile_of(int rows, Matrix a, const float *packed, int depth, float *to, size_t row, const float *start, bool more) {
  if constexpr (ROWS > 1) {
    if (rows < ROWS) return tile_of<ROWS - 1>(rows, a, packed, depth, to, row, start, more);
  }
  tile<ROWS>(a, packed, depth, to, row, start, more);
}

/**
 * Panels `first` up to `end` of `a · b + bias`, a of `rows` rows and `depth` columns, b packed with `columns` columns, bias one value a column or
 * null. `to` is the result's first element, `row` the distance of its rows. Each sum runs over the depth in order, whatever the panels.
 */
void multiply(Matrix a, int rows, int depth, const float *packed, int columns, const float *bias, float *to, size_t row,
              int first, int end) {
  for (int from = 0; from < depth; from += DEPTH) {
    const int steps = smaller(DEPTH, depth - from);
    for (int panel = first; panel < end; panel++) {
      const float *right = packed + (static_cast<size_t>(panel) * depth + from) * PANEL;
      const int column = panel * PANEL;
      const int width = smaller(PANEL, columns - column);
      alignas(64) float start[PANEL] = {};
      if (bias) std::memcpy(start, bias + column, width * sizeof(float));
      for (int i = 0; i < rows; i += TILE) {
        const Matrix left{a.data + i * a.row + from * a.column, a.row, a.column};
        const int height = smaller(TILE, rows - i);
        float *place = to + i * row + column;
        if (width == PANEL) {
          tile_of<TILE>(height, left, right, steps, place, row, start, from > 0);
          continue;
        }
        // The last panel is wider than the matrix: it is computed beside it.
        alignas(64) float beside[TILE * PANEL];
        for (int r = 0; r < height; r++)
          if (from > 0) std::memcpy(beside + r * PANEL, place + r * row, width * sizeof(float));
        tile_of<TILE>(height, left, right, steps, beside, PANEL, start, from > 0);
        for (int r = 0; r < height; r++) std::memcpy(place + r * row, beside + r * PANEL, width * sizeof(float));
      }
    }
  }
}

inline void multiply(Matrix a, int rows, int depth, const float *packed, int columns, float *to, size_t row) {
  multiply(a, rows, depth, packed, columns, nullptr, to, row, 0, panels(columns));
}

} // namespace
