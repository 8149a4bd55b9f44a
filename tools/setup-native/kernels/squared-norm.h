#pragma once

#include <cstddef>

#include "compute.h"
#include "tasks.h"

namespace {

constexpr size_t PACKET = 8, LEAF = 1024 * PACKET;
typedef float Packet __attribute__((vector_size(PACKET * sizeof(float))));
typedef float LoosePacket __attribute__((vector_size(PACKET * sizeof(float)), aligned(alignof(float)), may_alias));

/** The product is rounded before it is added, as where both are operations of their own. */
inline Packet rounded_square(const float *from) {
  const Packet value = *reinterpret_cast<const LoosePacket *>(from);
  Packet square = value * value;
  // Hides the product from the compiler, which would add it in one instruction.
  for (size_t lane = 0; lane < PACKET; lane++) __asm__("" : "+m"(square));
  return square;
}
inline float rounded_square_of(float value) {
  float square = value * value;
  __asm__("" : "+m"(square));
  return square;
}

/** The sums of Eigen's `InnerMostDimReducer` (unsupported/Eigen/CXX11/src/Tensor/TensorReduction.h), of numbers `first` up to `first + count`. */
float sum_of_squares(const float *values, size_t first, size_t count) {
  if (count > LEAF) {
    const size_t middle = first + (count + 1) / 2, split = (middle + PACKET - 1) / PACKET * PACKET;
    const size_t left = split - first < count ? split - first : count;
    const float sum = sum_of_squares(values, first, left);
    return left < count ? sum + sum_of_squares(values, split, count - left) : sum;
  }
  const float *from = values + first;
  Packet sums[4] = {};
  size_t i = 0;
  for (; i + 4 * PACKET <= count; i += 4 * PACKET)
    for (size_t k = 0; k < 4; k++) sums[k] += rounded_square(from + i + k * PACKET);
  Packet sum = sums[0] + sums[1] + sums[2] + sums[3];
  for (; i + PACKET <= count; i += PACKET) sum += rounded_square(from + i);
  float rest = 0;
  for (; i < count; i++) rest += rounded_square_of(from[i]);
  // Halves, then quarters, then eighths.
  const float quarters[] = {sum[0] + sum[4], sum[1] + sum[5], sum[2] + sum[6], sum[3] + sum[7]};
  return rest + ((quarters[0] + quarters[2]) + (quarters[1] + quarters[3]));
}

void squared_norm(const SquaredNormCall &call) {
  // Its cost model: a number costs so many cycles, and a thread more is worth a hundred thousand.
  const double cycles = call.size * (4 * 11 / 64.0 + 2.0 / PACKET), worth = (cycles - 100000) / 100000 + 0.9;
  const int threads = worth < 1 ? 1 : worth > call.threads ? call.threads : static_cast<int>(worth);
  if (threads <= 1) return void(*call.sum = sum_of_squares(call.values, 0, call.size));
  const size_t block = call.size / threads;
  const int blocks = static_cast<int>(call.size / block);
  float sums[256];
  in_parallel(blocks, [&](int index) { sums[index] = sum_of_squares(call.values, index * block, block); });
  float total = blocks * block < call.size ? sum_of_squares(call.values, blocks * block, call.size - blocks * block) : 0;
  for (int index = 0; index < blocks; index++) total += sums[index];
  *call.sum = total;
}

} // namespace
