#pragma once

#include "compute.h"
#include "row-vectors.h"
#include "tasks.h"

namespace {

void layer_norm(const LayerNormCall &call) {
  in_parts(call.rows, ROWS_AT_A_TIME, [&](int first, int end) {
    for (int row = first; row < end; row++) {
      const size_t start = static_cast<size_t>(row) * call.size;
      const float *x = call.x + start;
      Floats total{}, squares{};
      over_vectors(call.size, [&](int column, int count) { total += load_up_to(x + column, count); });
      const float mean = sum(total) / call.size;
      over_vectors(call.size, [&](int column, int count) {
        const Floats centred = (count == LANES ? load(x + column) : load_some(x + column, count, mean)) - mean;
        squares += centred * centred;
      });
      const float inverse = inverse_root(sum(squares) / call.size + call.epsilon);
      call.inverse[row] = inverse;
      over_vectors(call.size, [&](int column, int count) {
        const Floats normalised = (load_up_to(x + column, count) - mean) * inverse;
        const Floats weight = load_up_to(call.weight + column, count), bias = load_up_to(call.bias + column, count);
        store_up_to(call.normalised + start + column, normalised, count);
        store_up_to(call.y + start + column, normalised * weight + bias, count);
      });
    }
  });
}

/** dx = inverse · (dn - mean(dn) - n · mean(dn · n)) for dn = dy · weight and n the normalised values. */
void layer_norm_gradient(const LayerNormGradientCall &call) {
  in_parts(call.rows, ROWS_AT_A_TIME, [&](int first, int end) {
    for (int row = first; row < end; row++) {
      const size_t start = static_cast<size_t>(row) * call.size;
      const float *dy = call.dy + start, *normalised = call.normalised + start;
      Floats total{}, products{};
      over_vectors(call.size, [&](int column, int count) {
        const Floats dn = load_up_to(dy + column, count) * load_up_to(call.weight + column, count);
        total += dn;
        products += dn * load_up_to(normalised + column, count);
      });
      const float mean = sum(total) / call.size, slope = sum(products) / call.size, inverse = call.inverse[row];
      over_vectors(call.size, [&](int column, int count) {
        const Floats dn = load_up_to(dy + column, count) * load_up_to(call.weight + column, count);
        store_up_to(call.dx + start + column, (dn - mean - load_up_to(normalised + column, count) * slope) * inverse, count);
      });
    }
  });
}

} // namespace
