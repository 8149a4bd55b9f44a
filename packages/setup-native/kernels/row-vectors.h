// Rows of any size as vectors.
#pragma once

#include "simd.h"

namespace {

constexpr int ROWS_AT_A_TIME = 32;

/** Calls `body(column, count)` for each vector of a row; `count` is below LANES for the last one only. */
template <typename Body> inline void over_vectors(int size, const Body &body) {
  int column = 0;
  for (; column + LANES <= size; column += LANES) body(column, LANES);
  if (column < size) body(column, size - column);
}

inline Floats load_up_to(const float *from, int count) { return count == LANES ? load(from) : load_some(from, count, 0); }
inline void store_up_to(float *to, Floats value, int count) {
  if (count == LANES) store(to, value);
  else store_some(to, value, count);
}

inline float inverse_root(float x) { return 1 / __builtin_sqrtf(x); }

} // namespace
