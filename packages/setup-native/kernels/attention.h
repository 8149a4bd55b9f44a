// Attention of one example and head at a time: its scores stay in the nearest caches from the first product to the last.
#pragma once

#include <cstdint>
#include "compute.h"
#include "matrix-product.h"
#include "tasks.h"

namespace {

/** Where the parts of one example and head are, and the sizes of their matrices. */
struct Head {
  int example, tokens, prefix, length, size, stride;
  /** Distance of rows in the context and in queries, keys and values. */
  size_t width, row;
  /** Place of the first query in its tensor, and so of its gradient; keys and values lie one and two widths further. */
  size_t place, context_place;
  float scale;
  const float *query, *key, *value, *prefix_key, *prefix_value, *mask, *dropout;
};

inline Head head_at(const AttentionInputs &from, int index) {
  Head at;
  const int head = index % from.heads;
  at.example = index / from.heads;
  at.tokens = from.tokens;
  at.prefix = from.prefix;
  at.length = from.prefix + from.tokens;
  at.size = from.head_size;
  // Up to the end of the last panel of keys.
  at.stride = panels(at.length) * PANEL;
  at.width = static_cast<size_t>(from.heads) * from.head_size;
  at.row = 3 * at.width;
  at.place = at.example * at.tokens * at.row + static_cast<size_t>(head) * at.size;
  at.context_place = at.example * at.tokens * at.width + static_cast<size_t>(head) * at.size;
  at.scale = 1 / __builtin_sqrtf(static_cast<float>(at.size));
  at.query = from.query_key_value + at.place;
  at.key = at.query + at.width;
  at.value = at.key + at.width;
  const size_t prefix = static_cast<size_t>(from.shared_prefix ? head : index) * from.prefix * at.size;
  at.prefix_key = from.prefix_keys + prefix;
  at.prefix_value = from.prefix_values + prefix;
  at.mask = from.mask + at.example * at.tokens;
  at.dropout = from.dropout ? from.dropout + static_cast<size_t>(index) * at.tokens * at.length : nullptr;
  return at;
}

inline void copy_rows(const float *from, size_t from_row, int rows, int columns, float *to, size_t to_row) {
  for (int i = 0; i < rows; i++) std::memcpy(to + i * to_row, from + i * from_row, columns * sizeof(float));
}

/** Prefix rows, then rows of the text, as one matrix `[length, size]`. */
inline void join(const Head &at, const float *prefix, const float *text, float *to) {
  copy_rows(prefix, at.size, at.prefix, at.size, to, at.size);
  copy_rows(text, at.row, at.tokens, at.size, to + static_cast<size_t>(at.prefix) * at.size, at.size);
}

/** Rows of prefix and text back to where each of them is. */
inline void separate(const Head &at, const float *joined, float *prefix, float *text) {
  copy_rows(joined, at.size, at.prefix, at.size, prefix, at.size);
  copy_rows(joined + static_cast<size_t>(at.prefix) * at.size, at.size, at.tokens, at.size, text, at.row);
}

/** Softmax of each row of scores plus mask, in place; `stride` is a multiple of LANES and columns beyond the mask's end become 0. */
inline void softmax_rows(float *scores, int rows, int stride, const float *mask) {
  for (int i = 0; i < rows; i++) {
    float *row = scores + static_cast<size_t>(i) * stride;
    Floats most = all(-3e38f), total{};
    for (int j = 0; j < stride; j += LANES) {
      const Floats value = load(row + j) + load(mask + j);
      store(row + j, value);
      most = larger(most, value);
    }
    const float maximum = largest(most);
    for (int j = 0; j < stride; j += LANES) {
      const Floats value = exponential(load(row + j) - maximum);
      store(row + j, value);
      total += value;
    }
    const float factor = 1 / sum(total);
    for (int j = 0; j < stride; j += LANES) store(row + j, load(row + j) * factor);
  }
}

/** Memory for what one head needs; `weights` and `slopes` have `tokens` rows of `stride` columns, of which those beyond `length` are 0. */
struct HeadMemory {
  float *packed, *joined, *mask, *weights, *slopes;
};

inline bool memory_for(const Head &at, HeadMemory *memory) {
  const size_t packed = packed_size(at.size, at.length) + packed_size(at.length, at.size) + packed_size(at.tokens, at.size);
  const size_t joined = (static_cast<size_t>(at.length) * at.size + LANES - 1) / LANES * LANES;
  const size_t scores = static_cast<size_t>(at.tokens) * at.stride;
  // In 64 bits: size_t has 32 of them in wasm.
  const uint64_t wanted = packed + joined + at.stride + 2 * static_cast<uint64_t>(at.tokens) * at.stride;
  if (wanted > SIZE_MAX / sizeof(float)) return false;
  float *start = scratch(OWN, static_cast<size_t>(wanted));
  if (!start) return false;
  memory->packed = start;
  memory->joined = memory->packed + packed;
  memory->mask = memory->joined + joined;
  memory->weights = memory->mask + at.stride;
  memory->slopes = memory->weights + scores;
  return true;
}

/** The weights before dropout. */
inline void weights_of(const Head &at, const HeadMemory &memory) {
  join(at, at.prefix_key, at.key, memory.joined);
  pack(transposed(by_rows(memory.joined, at.size)), at.size, at.length, at.scale, memory.packed, 0, panels(at.length));
  for (int j = 0; j < at.stride; j++) memory.mask[j] = j < at.prefix ? 0 : j < at.length ? at.mask[j - at.prefix] : -3e38f;
  multiply(by_rows(at.query, at.row), at.tokens, at.size, memory.packed, at.stride, memory.weights, at.stride);
  softmax_rows(memory.weights, at.tokens, at.stride, memory.mask);
}

inline void drop_out(const Head &at, float *values) {
  if (!at.dropout) return;
  for (int i = 0; i < at.tokens; i++)
    for (int j = 0; j < at.length; j++) values[static_cast<size_t>(i) * at.stride + j] *= at.dropout[static_cast<size_t>(i) * at.length + j];
}

/** Calls `body(head)` for each head of each text, on all threads; several heads are one task where a head is less work than waking a thread. */
template <typename Body> inline void over_heads(const AttentionInputs &at, const Body &body) {
  const size_t length = at.prefix + at.tokens, work = (4 * static_cast<size_t>(at.tokens) + 8) * length * at.head_size;
  const size_t enough = 200000, together = work < enough ? enough / (work > 0 ? work : 1) : 1;
  const int heads = at.batch * at.heads;
  in_parts(heads, together < static_cast<size_t>(heads) ? static_cast<int>(together) : heads, [&](int first, int end) {
    for (int head = first; head < end; head++) body(head);
  });
}

bool attention(const AttentionCall &call) {
  bool enough = true;
  over_heads(call.inputs, [&](int index) {
    const Head at = head_at(call.inputs, index);
    HeadMemory memory;
    if (!memory_for(at, &memory)) return void(enough = false);
    weights_of(at, memory);
    drop_out(at, memory.weights);
    join(at, at.prefix_value, at.value, memory.joined);
    pack(by_rows(memory.joined, at.size), at.length, at.size, 1, memory.packed, 0, panels(at.size));
    float *context = call.context + at.context_place;
    multiply(by_rows(memory.weights, at.stride), at.tokens, at.length, memory.packed, at.size, context, at.width);
  });
  return enough;
}

/** From the gradients of the weights to those of the scores, in place: weights ∘ (slopes - sum(weights ∘ slopes)). */
inline void softmax_gradient(const Head &at, const HeadMemory &memory) {
  for (int i = 0; i < at.tokens; i++) {
    const float *weight = memory.weights + static_cast<size_t>(i) * at.stride;
    float *slope = memory.slopes + static_cast<size_t>(i) * at.stride;
    Floats products{};
    for (int j = 0; j < at.stride; j += LANES) products += load(weight + j) * load(slope + j);
    const float product = sum(products);
    for (int j = 0; j < at.stride; j += LANES) store(slope + j, load(weight + j) * (load(slope + j) - product));
  }
}

bool attention_gradient(const AttentionGradientCall &call) {
  bool enough = true;
  over_heads(call.inputs, [&](int index) {
    const Head at = head_at(call.inputs, index);
    HeadMemory memory;
    if (!memory_for(at, &memory)) return void(enough = false);
    const Matrix d_context = by_rows(call.d_context + at.context_place, at.width);
    float *d_query = call.d_query_key_value + at.place;
    const size_t prefix = static_cast<size_t>(index) * at.prefix * at.size;

    weights_of(at, memory);
    join(at, at.prefix_value, at.value, memory.joined);
    pack(transposed(by_rows(memory.joined, at.size)), at.size, at.length, 1, memory.packed, 0, panels(at.length));
    multiply(d_context, at.tokens, at.size, memory.packed, at.stride, memory.slopes, at.stride);
    drop_out(at, memory.slopes);
    softmax_gradient(at, memory);
    drop_out(at, memory.weights);

    join(at, at.prefix_key, at.key, memory.joined);
    pack(by_rows(memory.joined, at.size), at.length, at.size, at.scale, memory.packed, 0, panels(at.size));
    multiply(by_rows(memory.slopes, at.stride), at.tokens, at.length, memory.packed, at.size, d_query, at.row);
    pack(by_rows(at.query, at.row), at.tokens, at.size, at.scale, memory.packed, 0, panels(at.size));
    multiply(transposed(by_rows(memory.slopes, at.stride)), at.length, at.tokens, memory.packed, at.size, memory.joined, at.size);
    separate(at, memory.joined, call.d_prefix_keys + prefix, d_query + at.width);
    pack(d_context, at.tokens, at.size, 1, memory.packed, 0, panels(at.size));
    multiply(transposed(by_rows(memory.weights, at.stride)), at.length, at.tokens, memory.packed, at.size, memory.joined, at.size);
    separate(at, memory.joined, call.d_prefix_values + prefix, d_query + 2 * at.width);
  });
  return enough;
}

} // namespace
