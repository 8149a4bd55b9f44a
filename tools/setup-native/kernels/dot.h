#pragma once

#include <cstddef>

#include "compute.h"
#include "tasks.h"

namespace {

constexpr size_t PACKET = 8, LEAF = 1024 * PACKET;
typedef float Packet __attribute__((vector_size(PACKET * sizeof(float))));
typedef float LoosePacket __attribute__((vector_size(PACKET * sizeof(float)), aligned(alignof(float)), may_alias));

/** The product is rounded before it is added, as where both are operations of their own: it is hidden from the compiler, which would fuse them. */
inline Packet rounded_product(const float *a, const float *b) {
  Packet product = *reinterpret_cast<const LoosePacket *>(a) * *reinterpret_cast<const LoosePacket *>(b);
  __asm__("" : "+m"(product));
  return product;
}
inline float rounded_product_of(float a, float b) {
  float product = a * b;
  __asm__("" : "+m"(product));
  return product;
}

/** The sums of Eigen's `InnerMostDimReducer` (unsupported/Eigen/CXX11/src/Tensor/TensorReduction.h), of numbers `first` up to `first + count`. */
float sum_of_products(const float *a, const float *b, size_t first, size_t count) {
  if (count > LEAF) {
    const size_t middle = first + (count + 1) / 2, split = (middle + PACKET - 1) / PACKET * PACKET;
    const size_t before = split - first < count ? split - first : count;
    const float sum = sum_of_products(a, b, first, before);
    return before < count ? sum + sum_of_products(a, b, split, count - before) : sum;
  }
  const float *left = a + first, *right = b + first;
  Packet sums[4] = {};
  size_t i = 0;
  for (; i + 4 * PACKET <= count; i += 4 * PACKET)
    for (size_t k = 0; k < 4; k++) sums[k] += rounded_product(left + i + k * PACKET, right + i + k * PACKET);
  Packet sum = sums[0] + sums[1] + sums[2] + sums[3];
  for (; i + PACKET <= count; i += PACKET) sum += rounded_product(left + i, right + i);
  float rest = 0;
  for (; i < count; i++) rest += rounded_product_of(left[i], right[i]);
  // Halves, then quarters, then eighths.
  const float quarters[] = {sum[0] + sum[4], sum[1] + sum[5], sum[2] + sum[6], sum[3] + sum[7]};
  return rest + ((quarters[0] + quarters[2]) + (quarters[1] + quarters[3]));
}

void dot(const DotCall &call) {
  // Its cost model: a number costs so many cycles, and a thread more is worth a hundred thousand.
  const double cycles = call.size * (4 * 11 / 64.0 + 2.0 / PACKET), worth = (cycles - 100000) / 100000 + 0.9;
  const int threads = worth < 1 ? 1 : worth > call.threads ? call.threads : static_cast<int>(worth);
  if (threads <= 1) return void(*call.sum = sum_of_products(call.a, call.b, 0, call.size));
  const size_t block = call.size / threads;
  const int blocks = static_cast<int>(call.size / block);
  float sums[256];
  in_parallel(blocks, [&](int index) { sums[index] = sum_of_products(call.a, call.b, index * block, block); });
  float total = blocks * block < call.size ? sum_of_products(call.a, call.b, blocks * block, call.size - blocks * block) : 0;
  for (int index = 0; index < blocks; index++) total += sums[index];
  *call.sum = total;
}

void difference(const DifferenceCall &call) {
  const size_t part = 1 << 14;
  in_parallel(static_cast<int>((call.size + part - 1) / part), [&](int index) {
    const size_t start = index * part, end = call.size - start < part ? call.size : start + part;
    size_t i = start;
    for (; i + PACKET <= end; i += PACKET) {
      Packet first = *reinterpret_cast<const LoosePacket *>(call.a + i) * call.of_a;
      Packet second = *reinterpret_cast<const LoosePacket *>(call.b + i) * call.of_b;
      __asm__("" : "+m"(first), "+m"(second));
      *reinterpret_cast<LoosePacket *>(call.difference + i) = first - second;
    }
    for (; i < end; i++) call.difference[i] = rounded_product_of(call.a[i], call.of_a) - rounded_product_of(call.b[i], call.of_b);
  });
}

} // namespace
