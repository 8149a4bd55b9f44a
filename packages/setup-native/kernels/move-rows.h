#pragma once

#include <cstring>

#include "compute.h"
#include "tasks.h"

namespace {

void move_rows(const MoveRowsCall &call) {
  const size_t bytes = static_cast<size_t>(call.size) * sizeof(float);
  in_parts(call.rows, 64, [&](int first, int end) {
    for (int row = first; row < end; row++) {
      float *to = call.moved + static_cast<size_t>(row) * call.size;
      const int from = static_cast<int>(call.from[row]);
      if (from < 0) std::memset(to, 0, bytes);
      else std::memcpy(to, call.x + static_cast<size_t>(from) * call.size, bytes);
    }
  });
}

} // namespace
