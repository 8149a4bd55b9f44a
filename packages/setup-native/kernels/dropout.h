#pragma once

#include <cstdint>
#include <cstring>

#include "compute.h"

namespace {

/** sfc32 is a sequence, so that one thread makes it; a word takes four or five cycles and gives two factors. */
void dropout(const DropoutCall &call) {
  const float keep = static_cast<float>(1 / (1 - call.threshold / 65536.0));
  uint32_t bits;
  std::memcpy(&bits, &keep, sizeof(bits));
  // The shift gives all bits below the threshold, and none from there on: a branch would be taken at random.
  auto factor = [bits, threshold = call.threshold](uint32_t random, float *to) {
    const uint32_t kept = bits & ~static_cast<uint32_t>((static_cast<int32_t>(random) - threshold) >> 31);
    std::memcpy(to, &kept, sizeof(kept));
  };
  uint32_t a = call.seed[0], b = call.seed[1], c = call.seed[2], counter = 1;
  auto next = [&] {
    const uint32_t word = a + b + counter++;
    a = b ^ (b >> 9);
    b = c + (c << 3);
    c = ((c << 21) | (c >> 11)) + word;
    return word;
  };
  // The first outputs still show the seed.
  for (int warm_up = 0; warm_up < 12; warm_up++) next();
  size_t i = 0;
  for (; i + 2 <= call.size; i += 2) {
    const uint32_t word = next();
    factor(word & 0xffff, call.factors + i);
    factor(word >> 16, call.factors + i + 1);
  }
  if (i < call.size) factor(next() & 0xffff, call.factors + i);
}

} // namespace
