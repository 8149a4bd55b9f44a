// Rotary positions.
#pragma once

#include "compute.h"
#include "tasks.h"

namespace {

void rotate(const RotateCall &call) {
  const int half = call.head_size / 2;
  const float sign = call.back ? -1.0f : 1.0f;
  in_parts(call.batch * call.heads * call.tokens, 64, [&](int first, int end) {
    for (int row = first; row < end; row++) {
      const int example = call.same_angles ? 0 : row / (call.heads * call.tokens);
      const size_t start = static_cast<size_t>(row) * call.head_size;
      const size_t angle = (static_cast<size_t>(example) * call.tokens + row % call.tokens) * call.head_size;
      const float *x = call.x + start, *cosines = call.cosines + angle, *sines = call.sines + angle;
      float *__restrict y = call.y + start;
      for (int i = 0; i < half; i++) y[i] = x[i] * cosines[i] - x[i + half] * (sines[i] * sign);
      for (int i = half; i < call.head_size; i++) y[i] = x[i] * cosines[i] + x[i - half] * (sines[i] * sign);
    }
  });
}

} // namespace
