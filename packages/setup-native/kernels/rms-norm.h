#pragma once

#include "compute.h"
#include "row-vectors.h"
#include "tasks.h"

namespace {

void rms_norm(const RmsNormCall &call) {
  in_parts(call.rows, ROWS_AT_A_TIME, [&](int first, int end) {
    for (int row = first; row < end; row++) {
      const size_t start = static_cast<size_t>(row) * call.size;
      const float *x = call.x + start;
      Floats squares{};
      over_vectors(call.size, [&](int column, int count) {
        const Floats value = load_up_to(x + column, count);
        squares += value * value;
      });
      const float inverse = inverse_root(sum(squares) / call.size + call.epsilon);
      call.inverse[row] = inverse;
      over_vectors(call.size, [&](int column, int count) {
        store_up_to(call.y + start + column, load_up_to(x + column, count) * inverse * load_up_to(call.weight + column, count), count);
      });
    }
  });
}

/** dx = inverse · (dn - n · mean(dn · n)) for dn = dy · weight and n = x · inverse. */
void rms_norm_gradient(const RmsNormGradientCall &call) {
  in_parts(call.rows, ROWS_AT_A_TIME, [&](int first, int end) {
    for (int row = first; row < end; row++) {
      const size_t start = static_cast<size_t>(row) * call.size;
      const float *dy = call.dy + start, *x = call.x + start;
      const float inverse = call.inverse[row];
      Floats products{};
      over_vectors(call.size, [&](int column, int count) {
        products += load_up_to(dy + column, count) * load_up_to(call.weight + column, count) * (load_up_to(x + column, count) * inverse);
      });
      const float slope = sum(products) / call.size;
      over_vectors(call.size, [&](int column, int count) {
        const Floats dn = load_up_to(dy + column, count) * load_up_to(call.weight + column, count);
        store_up_to(call.dx + start + column, (dn - load_up_to(x + column, count) * inverse * slope) * inverse, count);
      });
    }
  });
}

} // namespace
