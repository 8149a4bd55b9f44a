// Convex combinations of points, and their gradient.
#pragma once

#include "compute.h"
#include "tasks.h"

namespace {

/** `to = Σ factors[i · step] · from(i)`, each sum in order; the first product is not added to zero, which would be the same number. */
template <typename From> inline void weighted_sum(int terms, const float *factors, int step, size_t count, const From &from, float *__restrict to) {
  const float *first = from(0);
  for (size_t j = 0; j < count; j++) to[j] = factors[0] * first[j];
  for (int i = 1; i < terms; i++) {
    const float factor = factors[static_cast<size_t>(i) * step];
    const float *next = from(i);
    for (size_t j = 0; j < count; j++) to[j] += factor * next[j];
  }
}

/** Numbers of a point at a time: they and those of the other vertices stay in the nearest cache. */
constexpr size_t MIXED_AT_A_TIME = 2048;
constexpr int ROWS_MIXED_AT_A_TIME = 8;

void mix(const MixCall &call) {
  const int parts = static_cast<int>((call.size + MIXED_AT_A_TIME - 1) / MIXED_AT_A_TIME);
  const int row_parts = (call.rows + ROWS_MIXED_AT_A_TIME - 1) / ROWS_MIXED_AT_A_TIME;
  in_parallel(parts * row_parts, [&](int index) {
    const size_t start = index % parts * MIXED_AT_A_TIME, count = call.size - start < MIXED_AT_A_TIME ? call.size - start : MIXED_AT_A_TIME;
    const int first = index / parts * ROWS_MIXED_AT_A_TIME;
    for (int row = first; row < call.rows && row < first + ROWS_MIXED_AT_A_TIME; row++)
      weighted_sum(call.vertices, call.coefficients + static_cast<size_t>(row) * call.vertices, 1, count,
                   [&](int vertex) { return call.points[vertex] + start; }, call.mixed + row * call.size + start);
  });
}

void mix_gradient(const MixGradientCall &call) {
  const int parts = static_cast<int>((call.size + MIXED_AT_A_TIME - 1) / MIXED_AT_A_TIME);
  in_parallel(parts, [&](int part) {
    const size_t start = part * MIXED_AT_A_TIME, count = call.size - start < MIXED_AT_A_TIME ? call.size - start : MIXED_AT_A_TIME;
    for (int vertex = 0; vertex < call.vertices; vertex++)
      weighted_sum(call.rows, call.coefficients + vertex, call.vertices, count,
                   [&](int row) { return call.d_mixed + row * call.size + start; }, call.gradients[vertex] + start);
  });
}

} // namespace
