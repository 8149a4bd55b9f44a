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

/** Where the second half of more numbers than a leaf begins. */
inline size_t middle_of(size_t first, size_t count) { return (first + (count + 1) / 2 + PACKET - 1) / PACKET * PACKET; }

/** The sums of Eigen's `InnerMostDimReducer` (unsupported/Eigen/CXX11/src/Tensor/TensorReduction.h), of numbers `first` up to `first + count`. */
float sum_of_products(const float *a, const float *b, size_t first, size_t count) {
  if (count > LEAF) {
    const size_t split = middle_of(first, count), before = split - first;
    return sum_of_products(a, b, first, before) + sum_of_products(a, b, split, count - before);
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

/** Times that all numbers are halved for the threads at most, and the numbers of a part that is worth a thread; such a part is halved further. */
constexpr int HALVINGS = 6;
constexpr size_t WORTH_A_THREAD = 1 << 16;
static_assert(WORTH_A_THREAD > 4 * LEAF, "every part is one of the halves of sum_of_products");

/** The sums of the parts are added as one thread adds its halves, so that the bits are the same whatever the number of threads. */
void dot(const DotCall &call) {
  int halvings = 0;
  while (halvings < HALVINGS && call.size >> (halvings + 1) >= WORTH_A_THREAD) halvings++;
  float sums[1 << HALVINGS];
  in_parallel(1 << halvings, [&](int index) {
    size_t first = 0, count = call.size;
    for (int bit = halvings - 1; bit >= 0; bit--) {
      const size_t split = middle_of(first, count), before = split - first;
      if (index >> bit & 1) {
        first = split;
        count -= before;
      } else {
        count = before;
      }
    }
    sums[index] = sum_of_products(call.a, call.b, first, count);
  });
  for (int parts = 1 << halvings; parts > 1; parts /= 2)
    for (int index = 0; index < parts / 2; index++) sums[index] = sums[2 * index] + sums[2 * index + 1];
  *call.sum = sums[0];
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
