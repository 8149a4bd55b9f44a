// silu(gate) · up: the inner part of SwiGLU.
#pragma once

#include "compute.h"
#include "row-vectors.h"
#include "tasks.h"

namespace {

constexpr int SILUS_AT_A_TIME = 4096;

inline Floats logistic(Floats x) { return 1.0f / (exponential(select(x < -88.0f, all(88.0f), -x)) + 1.0f); }

/** Calls `body(place, count)` for each vector of `size` numbers, on all threads. */
template <typename Body> inline void over_numbers(size_t size, const Body &body) {
  const int parts = static_cast<int>((size + SILUS_AT_A_TIME - 1) / SILUS_AT_A_TIME);
  in_parallel(parts, [&](int part) {
    const size_t start = static_cast<size_t>(part) * SILUS_AT_A_TIME, left = size - start;
    over_vectors(left < SILUS_AT_A_TIME ? static_cast<int>(left) : SILUS_AT_A_TIME,
                 [&](int place, int count) { body(start + place, count); });
  });
}

void gated_silu(const GatedSiluCall &call) {
  over_numbers(call.size, [&](size_t place, int count) {
    const Floats gate = load_up_to(call.gate + place, count);
    store_up_to(call.y + place, gate * logistic(gate) * load_up_to(call.up + place, count), count);
  });
}

/** silu'(g) = s · (1 + g · (1 - s)) for s = logistic(g). */
void gated_silu_gradient(const GatedSiluGradientCall &call) {
  over_numbers(call.size, [&](size_t place, int count) {
    const Floats gate = load_up_to(call.gate + place, count), share = logistic(gate), dy = load_up_to(call.dy + place, count);
    store_up_to(call.d_gate + place, dy * load_up_to(call.up + place, count) * share * (gate * (1.0f - share) + 1.0f), count);
    store_up_to(call.d_up + place, dy * gate * share, count);
  });
}

} // namespace
