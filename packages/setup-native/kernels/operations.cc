// TensorFlow operations over the kernels of compute.h. An input of shape [0] stands for one that is not given.
#include "operations.h"

#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include "kernel-call.h"
#include "packed-memory.h"
#include "parallel.h"
#include "tensorflow/c/c_api.h"
#include "tensorflow/c/ops.h"

/** What this machine has, or less if TFJS_PEFT_INSTRUCTIONS names less (`avx2`, `baseline`): for tests of what other machines run. */
static const Compute &find_compute() {
#if defined(__x86_64__)
  const char *named = std::getenv("TFJS_PEFT_INSTRUCTIONS");
  const std::string most = named ? named : "avx512";
  const bool fma = __builtin_cpu_supports("fma");
  if (most == "avx512" && fma && __builtin_cpu_supports("avx512f")) return compute_avx512;
  if ((most == "avx512" || most == "avx2") && fma && __builtin_cpu_supports("avx2")) return compute_avx2;
#endif
  return compute_baseline;
}

const Compute &best_compute() {
  // Once: tensors that are packed for one instruction set are not for another.
  static const Compute &best = find_compute();
  return best;
}

namespace {

/** Values of an operation's attributes; each operation has at most one of each. */
struct Attributes {
  bool flag = false;
  float number = 0;
  int count = 0;
};

Shape with_last(Shape shape, int64_t last) {
  shape.back() = last;
  return shape;
}

int as_int(int64_t size) {
  require(size >= 0 && size < (1LL << 31), "fewer than 2^31 rows and columns");
  return static_cast<int>(size);
}

/** The shape of a packed kernel; it tells in what panels, so that one that another backend has packed is not taken for ours. */
Shape packed_shape(int64_t inputs, int64_t outputs) {
  const int64_t panel = best_compute().panel;
  return {(outputs + panel - 1) / panel, inputs, panel};
}

/** A kernel as its products read it; empty beyond the limit of memory, a number of megabytes, so that each product packs it anew. */
void pack(KernelCall &call, const Attributes &attributes) {
  const Input kernel = call.input(0);
  require(kernel.shape.size() == 2 && attributes.count >= 0, "a kernel of rank 2, a limit that is not negative");
  const int inputs = as_int(kernel.shape[attributes.flag ? 1 : 0]), outputs = as_int(kernel.shape[attributes.flag ? 0 : 1]);
  const Shape shape = packed_shape(inputs, outputs);
  const size_t size = elements_of(shape);
  float *packed = size > 0 ? take_packed(size, static_cast<size_t>(attributes.count) << 20) : nullptr;
  if (!packed) return void(call.output(0, {0}));
  best_compute().pack({inputs, outputs, attributes.flag, kernel.data(), packed});
  call.output_owned(0, packed, shape, free_packed);
}

/** A kernel, or its sizes alone, `[input, output, 0]`: then a packed one must be given. */
void require_kernel(const Input &kernel, const Input &packed) {
  const bool sizes_alone = kernel.shape.size() == 3 && kernel.shape[2] == 0;
  require(kernel.shape.size() == 2 || (sizes_alone && packed.size() > 0), "a kernel of rank 2, or its sizes beside a packed one");
}

/** Input `index`, a packed kernel or nothing. */
const float *packed_kernel(const Input &packed, int64_t inputs, int64_t outputs) {
  require(packed.size() == 0 || packed.shape == packed_shape(inputs, outputs), "a kernel packed in this direction, on this backend");
  return packed.data_or_null();
}

void affine(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0), kernel = call.input(1), bias = call.input(2), packed = call.input(3);
  require_kernel(kernel, packed);
  const int64_t inputs = kernel.shape[attributes.flag ? 1 : 0], outputs = kernel.shape[attributes.flag ? 0 : 1];
  require(!x.shape.empty() && x.last() == inputs && (bias.size() == 0 || bias.size() == outputs),
          "x [..., input], kernel [input, output], bias [output]");
  float *y = call.output(0, with_last(x.shape, outputs));
  if (x.size() == 0) return;
  require_memory(best_compute().affine({as_int(x.rows()), as_int(inputs), as_int(outputs), attributes.flag, x.data(), kernel.data(),
                                        bias.data_or_null(), y, packed_kernel(packed, inputs, outputs)}));
}

/** Entries from three inputs; they are kept alive while they are read. */
struct EntryTensors {
  Input indices, ends;
  SparseEntries entries;
};

EntryTensors entries_of(KernelCall &call, int indices, int ends, int64_t inputs, int64_t outputs) {
  EntryTensors at{call.input(indices), call.input(ends), {}};
  const char *expected = "lists of flat indices [k] within kernels [input, output / maps] of one width, and where each list ends";
  const int64_t maps = at.ends.size();
  require(maps > 0 && outputs % maps == 0, expected);
  int before = 0;
  for (int64_t map = 0; map < maps; map++) {
    require(at.ends.integers()[map] >= before, expected);
    before = at.ends.integers()[map];
  }
  require(before == at.indices.size(), expected);
  const int64_t size = inputs * (outputs / maps);
  for (int64_t i = 0; i < at.indices.size(); i++) require(at.indices.integers()[i] >= 0 && at.indices.integers()[i] < size, expected);
  at.entries = {static_cast<int>(maps), at.indices.integers(), at.ends.integers()};
  return at;
}

void sparse_affine(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0), kernel = call.input(1), bias = call.input(2), values = call.input(4), packed = call.input(6);
  require_kernel(kernel, packed);
  const EntryTensors at = entries_of(call, 3, 5, kernel.shape[0], kernel.shape[1]);
  const int64_t inputs = kernel.shape[attributes.flag ? 1 : 0], outputs = kernel.shape[attributes.flag ? 0 : 1];
  require(!x.shape.empty() && x.last() == inputs && (bias.size() == 0 || bias.size() == outputs) && values.size() == at.indices.size(),
          "x [..., input], kernel [input, output], bias [output], a value an index");
  float *y = call.output(0, with_last(x.shape, outputs));
  if (x.size() == 0) return;
  require_memory(best_compute().sparse_affine({{as_int(x.rows()), as_int(inputs), as_int(outputs), attributes.flag, x.data(), kernel.data(),
                                                bias.data_or_null(), y, packed_kernel(packed, inputs, outputs)},
                                               at.entries,
                                               values.data()}));
}

void sparse_gradient(KernelCall &call, const Attributes &) {
  const Input x = call.input(0), dy = call.input(1);
  require(!x.shape.empty() && !dy.shape.empty() && x.rows() == dy.rows(), "x [..., input], dy [..., output] with as many rows");
  const EntryTensors at = entries_of(call, 2, 3, x.last(), dy.last());
  float *gradient = call.output(0, {at.indices.size()});
  if (at.indices.size() > 0)
    require_memory(best_compute().sparse_gradient({as_int(x.rows()), as_int(x.last()), as_int(dy.last()), x.data(), dy.data(), at.entries, gradient}));
}

void feed_forward(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0), expand = call.input(1), expand_bias = call.input(2), contract = call.input(3), contract_bias = call.input(4),
              packed_expand = call.input(5), packed_contract = call.input(6);
  require_kernel(expand, packed_expand);
  require_kernel(contract, packed_contract);
  const int64_t inner = expand.shape[1], outputs = contract.shape[1];
  require(!x.shape.empty() && x.last() == expand.shape[0] && contract.shape[0] == inner && expand_bias.size() == inner && contract_bias.size() == outputs,
          "x [..., input], kernels [input, inner] and [inner, output] and their biases");
  float *y = call.output(0, with_last(x.shape, outputs));
  float *derivative = call.output(1, attributes.flag ? with_last(x.shape, inner) : Shape{0});
  if (x.size() == 0) return;
  require_memory(best_compute().feed_forward({as_int(x.rows()), as_int(x.last()), as_int(inner), as_int(outputs), x.data(), expand.data(),
                                              expand_bias.data(), contract.data(), contract_bias.data(), y,
                                              attributes.flag ? derivative : nullptr,
                                              packed_kernel(packed_expand, x.last(), inner), packed_kernel(packed_contract, inner, outputs)}));
}

void feed_forward_gradient(KernelCall &call, const Attributes &) {
  const Input dy = call.input(0), derivative = call.input(1), expand = call.input(2), contract = call.input(3),
              packed_expand = call.input(4), packed_contract = call.input(5);
  require_kernel(expand, packed_expand);
  require_kernel(contract, packed_contract);
  const int64_t inputs = expand.shape[0], inner = expand.shape[1], outputs = contract.shape[1];
  require(!dy.shape.empty() && dy.last() == outputs && contract.shape[0] == inner && derivative.size() == dy.rows() * inner,
          "dy [..., output], derivative [..., inner], kernels [input, inner] and [inner, output]");
  float *dx = call.output(0, with_last(dy.shape, inputs));
  if (dy.size() == 0) return;
  require_memory(best_compute().feed_forward_gradient({as_int(dy.rows()), as_int(inputs), as_int(inner), as_int(outputs), dy.data(),
                                                       derivative.data(), expand.data(), contract.data(), dx,
                                                       packed_kernel(packed_expand, inner, inputs),
                                                       packed_kernel(packed_contract, outputs, inner)}));
}

/** Low-rank deltas from lists of factors `down` and `up`, `count` each, and of cores, kept alive while they are read. */
struct LowRankTensors {
  std::vector<Input> downs, ups, cores;
  std::vector<int> rank, width, column;
  std::vector<float> scale;
  std::vector<const float *> down, up, core;
  int ranks = 0, columns = 0;
  LowRankDeltas deltas() const {
    return {static_cast<int>(rank.size()), static_cast<int>(core.size()), ranks, columns, rank.data(), width.data(), column.data(), scale.data(),
            down.data(), up.data(), core.data()};
  }
};

LowRankTensors low_rank_tensors(KernelCall &call, int count, int start, int64_t inputs, int64_t outputs) {
  const char *expected = "factors [input, rank] and [rank, width], a column and a scale for each, within the outputs; cores [input, rank · rank] of the last";
  LowRankTensors at;
  const int dynamic = call.inputs() - start - 2 * count - 2;
  require(dynamic >= 0 && dynamic <= count, expected);
  const Input columns = call.input(start + 2 * count + dynamic), scales = call.input(start + 2 * count + dynamic + 1);
  require(columns.size() == count && scales.size() == count, expected);
  for (int i = 0; i < count; i++) {
    at.downs.push_back(call.input(start + i));
    at.ups.push_back(call.input(start + count + i));
    const Shape &down = at.downs[i].shape, &up = at.ups[i].shape;
    require(down.size() == 2 && up.size() == 2 && down[0] == inputs && down[1] == up[0] && up[0] > 0, expected);
    const int column = columns.integers()[i];
    require(column >= 0 && column + up[1] <= outputs, expected);
    at.rank.push_back(as_int(up[0]));
    at.width.push_back(as_int(up[1]));
    at.column.push_back(column);
    at.scale.push_back(scales.data()[i]);
    at.down.push_back(at.downs[i].data());
    at.up.push_back(at.ups[i].data());
    at.ranks += at.rank[i];
  }
  at.columns = at.ranks;
  for (int i = 0; i < dynamic; i++) {
    const int rank = at.rank[count - dynamic + i];
    at.cores.push_back(call.input(start + 2 * count + i));
    require(at.cores[i].shape == Shape{inputs, int64_t{rank} * rank}, expected);
    at.core.push_back(at.cores[i].data());
    at.columns += rank * rank;
  }
  return at;
}

/** Inputs: x, y, the factors, cores, columns, scales. */
void low_rank(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0), y = call.input(1);
  require(!x.shape.empty() && !y.shape.empty() && x.rows() == y.rows(), "x [..., input] and y [..., output] with as many rows");
  const LowRankTensors at = low_rank_tensors(call, attributes.count, 2, x.last(), y.last());
  float *sum = call.output(0, y.shape), *narrow = call.output(1, {x.rows(), at.columns});
  if (y.size() > 0)
    require_memory(best_compute().low_rank({as_int(x.rows()), as_int(x.last()), as_int(y.last()), at.deltas(), x.data(), y.data(), sum, narrow}));
}

/** Inputs: x, dy, the narrow product, the factors, cores, columns, scales. */
void low_rank_gradient(KernelCall &call, const Attributes &attributes) {
  const int count = attributes.count;
  const Input x = call.input(0), dy = call.input(1), narrow = call.input(2);
  require(!x.shape.empty() && !dy.shape.empty() && x.rows() == dy.rows() && x.size() > 0, "x [..., input] and dy [..., output] with as many rows");
  const LowRankTensors at = low_rank_tensors(call, count, 3, x.last(), dy.last());
  require(narrow.size() == x.rows() * at.columns, "x times all factors");
  float *dx = call.output(0, x.shape);
  std::vector<float *> d_down, d_up, d_core;
  for (int i = 0; i < count; i++) d_down.push_back(call.output(1 + i, at.downs[i].shape));
  for (int i = 0; i < count; i++) d_up.push_back(call.output(1 + count + i, at.ups[i].shape));
  for (size_t i = 0; i < at.cores.size(); i++) d_core.push_back(call.output(1 + 2 * count + static_cast<int>(i), at.cores[i].shape));
  require_memory(best_compute().low_rank_gradient({as_int(x.rows()), as_int(x.last()), as_int(dy.last()), at.deltas(), x.data(), dy.data(),
                                                   narrow.data(), dx, d_down.data(), d_up.data(), d_core.data()}));
}

void gelu(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0);
  float *y = call.output(0, x.shape), *derivative = call.output(1, attributes.flag ? x.shape : Shape{0});
  if (x.size() > 0) best_compute().gelu(x.data(), x.size(), y, attributes.flag ? derivative : nullptr);
}

void layer_norm(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0), weight = call.input(1), bias = call.input(2);
  require(!x.shape.empty() && weight.size() == x.last() && bias.size() == x.last(), "x [..., size], weight and bias [size]");
  float *y = call.output(0, x.shape), *normalised = call.output(1, x.shape), *inverse = call.output(2, with_last(x.shape, 1));
  if (x.size() > 0)
    best_compute().layer_norm({as_int(x.rows()), as_int(x.last()), attributes.number, x.data(), weight.data(), bias.data(), y, normalised, inverse});
}

void layer_norm_gradient(KernelCall &call, const Attributes &) {
  const Input dy = call.input(0), weight = call.input(1), normalised = call.input(2), inverse = call.input(3);
  require(!dy.shape.empty() && weight.size() == dy.last() && normalised.size() == dy.size() && inverse.size() == dy.rows(),
          "dy and normalised [..., size], weight [size], inverse [..., 1]");
  float *dx = call.output(0, dy.shape);
  if (dy.size() > 0)
    best_compute().layer_norm_gradient({as_int(dy.rows()), as_int(dy.last()), dy.data(), weight.data(), normalised.data(), inverse.data(), dx});
}

void rms_norm(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0), weight = call.input(1);
  require(!x.shape.empty() && weight.size() == x.last(), "x [..., size], weight [size]");
  float *y = call.output(0, x.shape), *inverse = call.output(1, with_last(x.shape, 1));
  if (x.size() > 0) best_compute().rms_norm({as_int(x.rows()), as_int(x.last()), attributes.number, x.data(), weight.data(), y, inverse});
}

void rms_norm_gradient(KernelCall &call, const Attributes &) {
  const Input dy = call.input(0), weight = call.input(1), x = call.input(2), inverse = call.input(3);
  require(!dy.shape.empty() && weight.size() == dy.last() && x.size() == dy.size() && inverse.size() == dy.rows(),
          "dy and x [..., size], weight [size], inverse [..., 1]");
  float *dx = call.output(0, dy.shape);
  if (dy.size() > 0)
    best_compute().rms_norm_gradient({as_int(dy.rows()), as_int(dy.last()), dy.data(), weight.data(), x.data(), inverse.data(), dx});
}

void rotate(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0), cosines = call.input(1), sines = call.input(2);
  const char *expected = "x [batch, heads, tokens, even size], cosines and sines [1 or batch, 1, tokens, size]";
  require(x.shape.size() == 4 && x.shape[3] % 2 == 0 && cosines.shape.size() == 4 && cosines.shape == sines.shape, expected);
  const int64_t batch = x.shape[0], angles = cosines.shape[0];
  require((angles == 1 || angles == batch) && cosines.size() == angles * x.shape[2] * x.shape[3], expected);
  float *y = call.output(0, x.shape);
  if (x.size() > 0)
    best_compute().rotate({as_int(batch), as_int(x.shape[1]), as_int(x.shape[2]), as_int(x.shape[3]), angles == 1, attributes.flag, x.data(),
                           cosines.data(), sines.data(), y});
}

void gated_silu(KernelCall &call, const Attributes &) {
  const Input gate = call.input(0), up = call.input(1);
  require(gate.shape == up.shape, "gate and up of one shape");
  float *y = call.output(0, gate.shape);
  best_compute().gated_silu({static_cast<size_t>(gate.size()), gate.data(), up.data(), y});
}

void gated_silu_gradient(KernelCall &call, const Attributes &) {
  const Input dy = call.input(0), gate = call.input(1), up = call.input(2);
  require(gate.shape == up.shape && dy.shape == gate.shape, "dy, gate and up of one shape");
  float *d_gate = call.output(0, gate.shape), *d_up = call.output(1, gate.shape);
  best_compute().gated_silu_gradient({static_cast<size_t>(gate.size()), dy.data(), gate.data(), up.data(), d_gate, d_up});
}

/** Inputs 0 to 4 of both directions of the attention, kept alive while they are read. */
struct AttentionTensors {
  Input query_key_value, keys, values, mask, dropout;
  AttentionInputs inputs;
};

AttentionTensors attention_inputs(KernelCall &call, int heads) {
  AttentionTensors at{call.input(0), call.input(1), call.input(2), call.input(3), call.input(4), {}};
  const char *expected = "queries, keys and values [batch, tokens, 3 · heads · size], prefixes [batch, heads, length, size] or without batch, "
                         "a mask of one value a token, dropout [batch, heads, tokens, length + tokens]";
  const Shape &shape = at.query_key_value.shape, &prefix = at.keys.shape;
  require(shape.size() == 3 && heads > 0 && shape[2] % (3 * heads) == 0 && prefix == at.values.shape, expected);
  const int64_t batch = shape[0], tokens = shape[1], size = shape[2] / (3 * heads);
  const bool none = at.keys.size() == 0;
  require(none || ((prefix.size() == 3 || (prefix.size() == 4 && prefix[0] == batch)) && prefix.end()[-3] == heads && prefix.back() == size),
          expected);
  const int64_t length = none ? 0 : prefix.end()[-2];
  require(at.mask.size() == batch * tokens, expected);
  require(at.dropout.size() == 0 || at.dropout.size() == batch * heads * tokens * (length + tokens), expected);
  at.inputs = {as_int(batch),
               as_int(tokens),
               heads,
               as_int(size),
               as_int(length),
               prefix.size() == 3,
               at.query_key_value.data(),
               at.keys.data(),
               at.values.data(),
               at.mask.data(),
               at.dropout.data_or_null()};
  return at;
}

void attention(KernelCall &call, const Attributes &attributes) {
  const AttentionTensors at = attention_inputs(call, attributes.count);
  float *context = call.output(0, with_last(at.query_key_value.shape, at.query_key_value.last() / 3));
  if (at.query_key_value.size() > 0) require_memory(best_compute().attention({at.inputs, context}));
}

void attention_gradient(KernelCall &call, const Attributes &attributes) {
  const AttentionTensors at = attention_inputs(call, attributes.count);
  const Input d_context = call.input(5);
  require(d_context.size() * 3 == at.query_key_value.size(), "the gradient [batch, tokens, heads · size]");
  const Shape prefix{at.inputs.batch, at.inputs.heads, at.inputs.prefix, at.inputs.head_size};
  float *d_query_key_value = call.output(0, at.query_key_value.shape), *d_keys = call.output(1, prefix), *d_values = call.output(2, prefix);
  if (at.query_key_value.size() > 0)
    require_memory(best_compute().attention_gradient({at.inputs, d_context.data(), d_query_key_value, d_keys, d_values}));
}

void add(KernelCall &call, const Attributes &) {
  const Input a = call.input(0), b = call.input(1);
  require(a.shape == b.shape, "two tensors of the same shape");
  best_compute().add({static_cast<size_t>(a.size()), a.data(), b.data(), call.output(0, a.shape)});
}

/** Updates of all parameters. Inputs: their values, gradients, first and second moments, the scale of gradients, and five numbers each. */
void adamw(KernelCall &call, const Attributes &attributes) {
  const int count = attributes.count;
  const Input scale = call.input(4 * count), numbers = call.input(4 * count + 1);
  const char *expected = "values, gradients and moments of one size, one scale of gradients, five numbers a value";
  require(scale.size() == 1 && numbers.size() == 5 * count, expected);
  for (int i = 0; i < count; i++) {
    const Input value = call.input(i), gradient = call.input(count + i), first = call.input(2 * count + i), second = call.input(3 * count + i);
    require(gradient.size() == value.size() && first.size() == value.size() && second.size() == value.size(), expected);
    const float *at = numbers.data() + 5 * i;
    best_compute().adamw({static_cast<size_t>(value.size()),
                          {*scale.data(), at[0], at[1], at[2], at[3], at[4]},
                          value.data(),
                          gradient.data(),
                          first.data(),
                          second.data(),
                          call.output(i, value.shape),
                          call.output(count + i, value.shape),
                          call.output(2 * count + i, value.shape)});
  }
}

/** The sum of the products of two lists, to the bits of TensorFlow's `AddN`: in groups of eight, the first of which may be smaller, or one of nine. */
void dot(KernelCall &call, const Attributes &attributes) {
  const int count = attributes.count;
  std::vector<float> sums(count);
  for (int i = 0; i < count; i++) {
    const Input a = call.input(i), b = call.input(count + i);
    require(a.size() == b.size(), "two lists of tensors of the same sizes");
    best_compute().dot({a.data(), b.data(), static_cast<size_t>(a.size()), &sums[i]});
  }
  float total = 0;
  const int rest = count % 8, first = count <= 1 ? count : rest == 0 ? 8 : rest == 1 ? 9 : rest;
  for (int start = 0, end = first; start < count; start = end, end += 8) {
    float group = sums[start];
    for (int i = start + 1; i < end; i++) group += sums[i];
    total = start == 0 ? group : total + group;
  }
  *call.output(0, {}) = total;
}

/** `a · of_a - b · of_b` for each pair of tensors of two lists. */
void difference(KernelCall &call, const Attributes &attributes) {
  const int count = attributes.count;
  const Input of_a = call.input(2 * count), of_b = call.input(2 * count + 1);
  require(of_a.size() == 1 && of_b.size() == 1, "one factor a list");
  for (int i = 0; i < count; i++) {
    const Input a = call.input(i), b = call.input(count + i);
    require(a.shape == b.shape, "two lists of tensors of the same shapes");
    best_compute().difference({static_cast<size_t>(a.size()), a.data(), b.data(), *of_a.data(), *of_b.data(), call.output(i, a.shape)});
  }
}

/** What mixing takes: `count` parameters with as many vertices each, then coefficients `[rows, vertices]`, or `[vertices]` for one row without an axis. */
struct MixTensors {
  int vertices, rows;
  Input coefficients;
};

MixTensors mix_tensors(KernelCall &call, int index) {
  Input coefficients = call.input(index);
  const size_t rank = coefficients.shape.size();
  require((rank == 1 || rank == 2) && coefficients.size() > 0, "coefficients [rows, vertices] or [vertices]");
  const int vertices = as_int(coefficients.last()), rows = as_int(coefficients.rows());
  return {vertices, rows, std::move(coefficients)};
}

void mix(KernelCall &call, const Attributes &attributes) {
  const int count = attributes.count, given = call.inputs() - count;
  require(count > 0 && given % count == 0, "as many vertices for each parameter");
  for (int i = 0; i < count; i++) {
    const MixTensors at = mix_tensors(call, given + i);
    require(at.vertices == given / count, "a coefficient a vertex");
    std::vector<Input> points;
    std::vector<const float *> data;
    for (int vertex = 0; vertex < at.vertices; vertex++) {
      points.push_back(call.input(i * at.vertices + vertex));
      data.push_back(points.back().data());
      require(points.back().shape == points[0].shape, "vertices of one shape");
    }
    Shape shape = points[0].shape;
    if (at.coefficients.shape.size() == 2) shape.insert(shape.begin(), at.rows);
    best_compute().mix({at.rows, at.vertices, static_cast<size_t>(points[0].size()), at.coefficients.data(), data.data(), call.output(i, shape)});
  }
}

void mix_gradient(KernelCall &call, const Attributes &attributes) {
  const int count = attributes.count;
  for (int i = 0; i < count; i++) {
    const Input d_mixed = call.input(i);
    const MixTensors at = mix_tensors(call, count + i);
    const bool each = at.coefficients.shape.size() == 2;
    require(!each || (!d_mixed.shape.empty() && d_mixed.shape[0] == at.rows), "a gradient a row of coefficients");
    const Shape shape(d_mixed.shape.begin() + (each ? 1 : 0), d_mixed.shape.end());
    std::vector<float *> gradients;
    for (int vertex = 0; vertex < at.vertices; vertex++) gradients.push_back(call.output(i * at.vertices + vertex, shape));
    best_compute().mix_gradient({at.rows, at.vertices, static_cast<size_t>(d_mixed.size() / at.rows), at.coefficients.data(), d_mixed.data(), gradients.data()});
  }
}

void dropout(KernelCall &call, const Attributes &attributes) {
  const Input seed = call.input(0), sizes = call.input(1);
  require(seed.size() == 3 && attributes.count >= 0 && attributes.count < 65536, "three words of a seed, a threshold below 65536");
  Shape shape;
  for (int64_t axis = 0; axis < sizes.size(); axis++) {
    require(sizes.integers()[axis] >= 0, "sizes of axes");
    shape.push_back(sizes.integers()[axis]);
  }
  size_t size = 1;
  for (const int64_t length : shape) size *= length;
  best_compute().dropout({size, attributes.count, seed.integers(), call.output(0, shape)});
}

void move_rows(KernelCall &call, const Attributes &) {
  const Input x = call.input(0), from = call.input(1);
  require(x.shape.size() == 2 && from.shape.size() == 1, "x [rows, size], and the rows to take, a vector");
  const float *rows = from.data();
  for (int64_t i = 0; i < from.size(); i++) require(rows[i] >= -1 && rows[i] < x.rows(), "rows of x, or -1");
  float *moved = call.output(0, {from.size(), x.last()});
  if (from.size() > 0) best_compute().move_rows({as_int(from.size()), as_int(x.last()), x.data(), rows, moved});
}

using Kernel = void (*)(KernelCall &, const Attributes &);

template <Kernel kernel> void compute(void *attributes, TF_OpKernelContext *context) {
  KernelCall call(context);
  try {
    kernel(call, *static_cast<const Attributes *>(attributes));
  } catch (const Failure &failure) {
    call.fail(failure);
  } catch (const std::bad_alloc &) {
    call.fail({TF_RESOURCE_EXHAUSTED, "no memory left"});
  } catch (const std::exception &error) {
    // TensorFlow lets none through: it would end the process.
    call.fail({TF_INTERNAL, error.what()});
  }
}

/** Names of attributes. */
constexpr char COUNT[] = "count", BACK[] = "back", THRESHOLD[] = "threshold", MEGABYTES[] = "megabytes", TRANSPOSED[] = "transposed", DERIVATIVE[] = "keep_derivative", EPSILON[] = "epsilon", HEADS[] = "heads";

void *construct(TF_OpKernelConstruction *construction, void (*read)(TF_OpKernelConstruction *, Attributes *, TF_Status *)) {
  auto *attributes = new Attributes;
  TF_Status *status = TF_NewStatus();
  read(construction, attributes, status);
  if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(construction, status);
  TF_DeleteStatus(status);
  return attributes;
}

void *with_none(TF_OpKernelConstruction *) { return new Attributes; }

template <const char *NAME> void *with_flag(TF_OpKernelConstruction *construction) {
  return construct(construction, [](TF_OpKernelConstruction *from, Attributes *attributes, TF_Status *status) {
    TF_Bool flag = 0;
    TF_OpKernelConstruction_GetAttrBool(from, NAME, &flag, status);
    attributes->flag = flag;
  });
}

template <const char *NAME> void *with_number(TF_OpKernelConstruction *construction) {
  return construct(construction, [](TF_OpKernelConstruction *from, Attributes *attributes, TF_Status *status) {
    TF_OpKernelConstruction_GetAttrFloat(from, NAME, &attributes->number, status);
  });
}

template <const char *NAME> void *with_count(TF_OpKernelConstruction *construction) {
  return construct(construction, [](TF_OpKernelConstruction *from, Attributes *attributes, TF_Status *status) {
    TF_OpKernelConstruction_GetAttrInt32(from, NAME, &attributes->count, status);
  });
}

template <const char *FLAG, const char *NUMBER> void *with_flag_and_count(TF_OpKernelConstruction *construction) {
  return construct(construction, [](TF_OpKernelConstruction *from, Attributes *attributes, TF_Status *status) {
    TF_Bool flag = 0;
    TF_OpKernelConstruction_GetAttrBool(from, FLAG, &flag, status);
    attributes->flag = flag;
    if (TF_GetCode(status) == TF_OK) TF_OpKernelConstruction_GetAttrInt32(from, NUMBER, &attributes->count, status);
  });
}

void destroy(void *attributes) { delete static_cast<Attributes *>(attributes); }

struct Operation {
  const char *name;
  std::string attribute;
  void *(*construct)(TF_OpKernelConstruction *);
  std::initializer_list<const char *> inputs, outputs;
  void (*compute)(void *, TF_OpKernelContext *);
  /** A second one. */
  std::string other_attribute = "";
};

/** The name of an input or output with its type, which is float unless it says another one. */
std::string typed(const std::string &name) { return name.find(':') == std::string::npos ? name + ": float" : name; }

void register_operation(const Operation &operation, TF_Status *status) {
  TF_OpDefinitionBuilder *definition = TF_NewOpDefinitionBuilder(operation.name);
  for (const char *name : operation.inputs) TF_OpDefinitionBuilderAddInput(definition, typed(name).c_str());
  for (const char *name : operation.outputs) TF_OpDefinitionBuilderAddOutput(definition, typed(name).c_str());
  if (!operation.attribute.empty()) TF_OpDefinitionBuilderAddAttr(definition, operation.attribute.c_str());
  if (!operation.other_attribute.empty()) TF_OpDefinitionBuilderAddAttr(definition, operation.other_attribute.c_str());
  TF_RegisterOpDefinition(definition, status);
  if (TF_GetCode(status) != TF_OK) return;
  TF_RegisterKernelBuilder(operation.name,
                           TF_NewKernelBuilder(operation.name, "CPU", operation.construct, operation.compute, destroy), status);
}

/** True if another copy of this library has registered the operation: a second time would end the process. */
bool is_registered(const char *name, TF_Status *status) {
  const std::unique_ptr<TF_Buffer, decltype(&TF_DeleteBuffer)> kernels(TF_GetRegisteredKernelsForOp(name, status), TF_DeleteBuffer);
  return kernels && kernels->length > 0;
}

template <const char *NAME> std::string spec(const char *type) { return std::string(NAME) + ": " + type; }

} // namespace

std::string register_operations(TF_Status *status) {
  std::string names;
  const Operation operations[] = {
      {"TfjsPeftPack", spec<TRANSPOSED>("bool"), with_flag_and_count<TRANSPOSED, MEGABYTES>, {"kernel"}, {"packed"}, compute<pack>, spec<MEGABYTES>("int")},
      {"TfjsPeftAffine", spec<TRANSPOSED>("bool"), with_flag<TRANSPOSED>, {"x", "kernel", "bias", "packed"}, {"y"}, compute<affine>},
      {"TfjsPeftSparseAffine",
       spec<TRANSPOSED>("bool"),
       with_flag<TRANSPOSED>,
       {"x", "kernel", "bias", "indices: int32", "values", "ends: int32", "packed"},
       {"y"},
       compute<sparse_affine>},
      {"TfjsPeftSparseGradient", "", with_none, {"x", "dy", "indices: int32", "ends: int32"}, {"gradient"}, compute<sparse_gradient>},
      {"TfjsPeftFeedForward",
       spec<DERIVATIVE>("bool"),
       with_flag<DERIVATIVE>,
       {"x", "expand", "expand_bias", "contract", "contract_bias", "packed_expand", "packed_contract"},
       {"y", "derivative"},
       compute<feed_forward>},
      {"TfjsPeftFeedForwardGradient",
       "",
       with_none,
       {"dy", "derivative", "expand", "contract", "packed_expand", "packed_contract"},
       {"dx"},
       compute<feed_forward_gradient>},
      {"TfjsPeftLowRank",
       spec<COUNT>("int >= 1"),
       with_count<COUNT>,
       {"x", "y", "downs: count * float", "ups: count * float", "cores: dynamic * float", "columns: int32", "scales"},
       {"sum", "narrow"},
       compute<low_rank>,
       "dynamic: int >= 0"},
      {"TfjsPeftLowRankGradient",
       spec<COUNT>("int >= 1"),
       with_count<COUNT>,
       {"x", "dy", "narrow", "downs: count * float", "ups: count * float", "cores: dynamic * float", "columns: int32", "scales"},
       {"dx", "d_downs: count * float", "d_ups: count * float", "d_cores: dynamic * float"},
       compute<low_rank_gradient>,
       "dynamic: int >= 0"},
      {"TfjsPeftAdd", "", with_none, {"a", "b"}, {"sum"}, compute<add>},
      {"TfjsPeftUpdateAdamW",
       spec<COUNT>("int >= 1"),
       with_count<COUNT>,
       {"values: count * float", "gradients: count * float", "first_moments: count * float", "second_moments: count * float", "gradient_scale",
        "numbers"},
       {"new_values: count * float", "new_first_moments: count * float", "new_second_moments: count * float"},
       compute<adamw>},
      {"TfjsPeftDot", spec<COUNT>("int >= 1"), with_count<COUNT>, {"a: count * float", "b: count * float"}, {"sum"}, compute<dot>},
      {"TfjsPeftDifference",
       spec<COUNT>("int >= 1"),
       with_count<COUNT>,
       {"a: count * float", "b: count * float", "of_a", "of_b"},
       {"difference: count * float"},
       compute<difference>},
      {"TfjsPeftMix",
       spec<COUNT>("int >= 1"),
       with_count<COUNT>,
       {"vertices: points * float", "coefficients: count * float"},
       {"mixed: count * float"},
       compute<mix>,
       "points: int >= 1"},
      {"TfjsPeftMixGradient",
       spec<COUNT>("int >= 1"),
       with_count<COUNT>,
       {"d_mixed: count * float", "coefficients: count * float"},
       {"gradients: points * float"},
       compute<mix_gradient>,
       "points: int >= 1"},
      {"TfjsPeftDropoutFactors", spec<THRESHOLD>("int"), with_count<THRESHOLD>, {"seed: int32", "shape: int32"}, {"factors"}, compute<dropout>},
      {"TfjsPeftMoveRows", "", with_none, {"x", "from"}, {"moved"}, compute<move_rows>},
      {"TfjsPeftGelu", spec<DERIVATIVE>("bool"), with_flag<DERIVATIVE>, {"x"}, {"y", "derivative"}, compute<gelu>},
      {"TfjsPeftLayerNorm",
       spec<EPSILON>("float"),
       with_number<EPSILON>,
       {"x", "weight", "bias"},
       {"y", "normalised", "inverse"},
       compute<layer_norm>},
      {"TfjsPeftLayerNormGradient", "", with_none, {"dy", "weight", "normalised", "inverse"}, {"dx"}, compute<layer_norm_gradient>},
      {"TfjsPeftRmsNorm", spec<EPSILON>("float"), with_number<EPSILON>, {"x", "weight"}, {"y", "inverse"}, compute<rms_norm>},
      {"TfjsPeftRmsNormGradient", "", with_none, {"dy", "weight", "x", "inverse"}, {"dx"}, compute<rms_norm_gradient>},
      {"TfjsPeftRotate", spec<BACK>("bool"), with_flag<BACK>, {"x", "cosines", "sines"}, {"y"}, compute<rotate>},
      {"TfjsPeftGatedSilu", "", with_none, {"gate", "up"}, {"y"}, compute<gated_silu>},
      {"TfjsPeftGatedSiluGradient", "", with_none, {"dy", "gate", "up"}, {"d_gate", "d_up"}, compute<gated_silu_gradient>},
      {"TfjsPeftAttention",
       spec<HEADS>("int"),
       with_count<HEADS>,
       {"query_key_value", "prefix_keys", "prefix_values", "mask", "dropout"},
       {"context"},
       compute<attention>},
      {"TfjsPeftAttentionGradient",
       spec<HEADS>("int"),
       with_count<HEADS>,
       {"query_key_value", "prefix_keys", "prefix_values", "mask", "dropout", "d_context"},
       {"d_query_key_value", "d_prefix_keys", "d_prefix_values"},
       compute<attention_gradient>},
  };
  for (const Operation &operation : operations) {
    if (!is_registered(operation.name, status)) register_operation(operation, status);
    if (TF_GetCode(status) != TF_OK) return names;
    names += std::string(operation.name) + ",";
  }
  return names;
}
