#pragma once

#include <cstddef>

#include "compute.h"
#include "tasks.h"

namespace {

void adamw(const AdamWCall &call) {
  const size_t part = 1 << 13;
  in_parallel(static_cast<int>((call.size + part - 1) / part), [&](int index) {
    const size_t start = index * part, count = call.size - start < part ? call.size - start : part;
    const float *__restrict value = call.value + start, *__restrict gradient = call.gradient + start;
    const float *__restrict first = call.first_moment + start, *__restrict second = call.second_moment + start;
    float *__restrict new_value = call.new_value + start, *__restrict new_first = call.new_first_moment + start,
          *__restrict new_second = call.new_second_moment + start;
    const AdamWNumbers at = call.numbers;
    for (size_t i = 0; i < count; i++) {
      const float scaled = gradient[i] * at.gradient_scale;
      new_first[i] = first[i] * at.beta1 + scaled;
      new_second[i] = second[i] * at.beta2 + scaled * scaled;
      new_value[i] = value[i] * at.keep - new_first[i] / (__builtin_sqrtf(new_second[i]) + at.epsilon) * at.rate;
    }
  });
}

} // namespace
