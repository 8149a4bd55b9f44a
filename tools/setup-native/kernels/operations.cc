// TensorFlow operations over the kernels of compute.h. An input of shape [0] stands for one that is not given.
#include "operations.h"

#include "kernel-call.h"
#include "tensorflow/c/c_api.h"
#include "tensorflow/c/ops.h"

const Compute &best_compute() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma")) return compute_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return compute_avx2;
#endif
  return compute_baseline;
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

void affine(KernelCall &call, const Attributes &attributes) {
  const Input x = call.input(0), kernel = call.input(1), bias = call.input(2);
  require(kernel.shape.size() == 2 && !x.shape.empty(), "x [..., input], kernel of rank 2");
  const int64_t inputs = kernel.shape[attributes.flag ? 1 : 0], outputs = kernel.shape[attributes.flag ? 0 : 1];
  require(x.last() == inputs && (bias.size() == 0 || bias.size() == outputs), "x [..., input], kernel [input, output], bias [output]");
  float *y = call.output(0, with_last(x.shape, outputs));
  if (x.size() == 0) return;
  require_memory(best_compute().affine({as_int(x.rows()), as_int(inputs), as_int(outputs), attributes.flag, x.data(), kernel.data(),
                                        bias.data_or_null(), y}));
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
  const Input x = call.input(0), kernel = call.input(1), bias = call.input(2), values = call.input(4);
  require(kernel.shape.size() == 2 && !x.shape.empty(), "x [..., input], kernel of rank 2");
  const EntryTensors at = entries_of(call, 3, 5, kernel.shape[0], kernel.shape[1]);
  const int64_t inputs = kernel.shape[attributes.flag ? 1 : 0], outputs = kernel.shape[attributes.flag ? 0 : 1];
  require(x.last() == inputs && (bias.size() == 0 || bias.size() == outputs) && values.size() == at.indices.size(),
          "x [..., input], kernel [input, output], bias [output], a value an index");
  float *y = call.output(0, with_last(x.shape, outputs));
  if (x.size() == 0) return;
  require_memory(best_compute().sparse_affine({{as_int(x.rows()), as_int(inputs), as_int(outputs), attributes.flag, x.data(), kernel.data(),
                                                bias.data_or_null(), y},
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
  const Input x = call.input(0), expand = call.input(1), expand_bias = call.input(2), contract = call.input(3), contract_bias = call.input(4);
  require(expand.shape.size() == 2 && contract.shape.size() == 2 && !x.shape.empty(), "x [..., input], kernels of rank 2");
  const int64_t inner = expand.shape[1], outputs = contract.shape[1];
  require(x.last() == expand.shape[0] && contract.shape[0] == inner && expand_bias.size() == inner && contract_bias.size() == outputs,
          "x [..., input], kernels [input, inner] and [inner, output] and their biases");
  float *y = call.output(0, with_last(x.shape, outputs));
  float *derivative = call.output(1, attributes.flag ? with_last(x.shape, inner) : Shape{0});
  if (x.size() == 0) return;
  require_memory(best_compute().feed_forward({as_int(x.rows()), as_int(x.last()), as_int(inner), as_int(outputs), x.data(), expand.data(),
                                              expand_bias.data(), contract.data(), contract_bias.data(), y,
                                              attributes.flag ? derivative : nullptr}));
}

void feed_forward_gradient(KernelCall &call, const Attributes &) {
  const Input dy = call.input(0), derivative = call.input(1), expand = call.input(2), contract = call.input(3);
  require(expand.shape.size() == 2 && contract.shape.size() == 2 && !dy.shape.empty(), "dy [..., output], kernels of rank 2");
  const int64_t inputs = expand.shape[0], inner = expand.shape[1], outputs = contract.shape[1];
  require(dy.last() == outputs && contract.shape[0] == inner && derivative.size() == dy.rows() * inner,
          "dy [..., output], derivative [..., inner], kernels [input, inner] and [inner, output]");
  float *dx = call.output(0, with_last(dy.shape, inputs));
  if (dy.size() == 0) return;
  require_memory(best_compute().feed_forward_gradient({as_int(dy.rows()), as_int(inputs), as_int(inner), as_int(outputs), dy.data(),
                                                       derivative.data(), expand.data(), contract.data(), dx}));
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

void adamw(KernelCall &call, const Attributes &) {
  const Input value = call.input(0), gradient = call.input(1), first = call.input(2), second = call.input(3), scale = call.input(4),
              numbers = call.input(5);
  require(gradient.size() == value.size() && first.size() == value.size() && second.size() == value.size() && scale.size() == 1 &&
              numbers.size() == 5,
          "a value, its gradient and its moments of one size, one scale of gradients, five numbers");
  const float *at = numbers.data();
  best_compute().adamw({static_cast<size_t>(value.size()),
                        {*scale.data(), at[0], at[1], at[2], at[3], at[4]},
                        value.data(),
                        gradient.data(),
                        first.data(),
                        second.data(),
                        call.output(0, value.shape),
                        call.output(1, value.shape),
                        call.output(2, value.shape)});
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
  }
}

/** Names of attributes. */
constexpr char TRANSPOSED[] = "transposed", DERIVATIVE[] = "keep_derivative", EPSILON[] = "epsilon", HEADS[] = "heads";

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

void destroy(void *attributes) { delete static_cast<Attributes *>(attributes); }

struct Operation {
  const char *name;
  std::string attribute;
  void *(*construct)(TF_OpKernelConstruction *);
  std::initializer_list<const char *> inputs, outputs;
  void (*compute)(void *, TF_OpKernelContext *);
};

/** An input's name with its type, which is float unless it says another one. */
std::string typed(const std::string &name) { return name.find(':') == std::string::npos ? name + ": float" : name; }

void register_operation(const Operation &operation, TF_Status *status) {
  TF_OpDefinitionBuilder *definition = TF_NewOpDefinitionBuilder(operation.name);
  for (const char *name : operation.inputs) TF_OpDefinitionBuilderAddInput(definition, typed(name).c_str());
  for (const char *name : operation.outputs) TF_OpDefinitionBuilderAddOutput(definition, (std::string(name) + ": float").c_str());
  if (!operation.attribute.empty()) TF_OpDefinitionBuilderAddAttr(definition, operation.attribute.c_str());
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
      {"TfjsPeftAffine", spec<TRANSPOSED>("bool"), with_flag<TRANSPOSED>, {"x", "kernel", "bias"}, {"y"}, compute<affine>},
      {"TfjsPeftSparseAffine",
       spec<TRANSPOSED>("bool"),
       with_flag<TRANSPOSED>,
       {"x", "kernel", "bias", "indices: int32", "values", "ends: int32"},
       {"y"},
       compute<sparse_affine>},
      {"TfjsPeftSparseGradient", "", with_none, {"x", "dy", "indices: int32", "ends: int32"}, {"gradient"}, compute<sparse_gradient>},
      {"TfjsPeftFeedForward",
       spec<DERIVATIVE>("bool"),
       with_flag<DERIVATIVE>,
       {"x", "expand", "expand_bias", "contract", "contract_bias"},
       {"y", "derivative"},
       compute<feed_forward>},
      {"TfjsPeftFeedForwardGradient", "", with_none, {"dy", "derivative", "expand", "contract"}, {"dx"}, compute<feed_forward_gradient>},
      {"TfjsPeftAdd", "", with_none, {"a", "b"}, {"sum"}, compute<add>},
      {"TfjsPeftAdamW",
       "",
       with_none,
       {"value", "gradient", "first_moment", "second_moment", "gradient_scale", "numbers"},
       {"new_value", "new_first_moment", "new_second_moment"},
       compute<adamw>},
      {"TfjsPeftMoveRows", "", with_none, {"x", "from"}, {"moved"}, compute<move_rows>},
      {"TfjsPeftGelu", spec<DERIVATIVE>("bool"), with_flag<DERIVATIVE>, {"x"}, {"y", "derivative"}, compute<gelu>},
      {"TfjsPeftLayerNorm",
       spec<EPSILON>("float"),
       with_number<EPSILON>,
       {"x", "weight", "bias"},
       {"y", "normalised", "inverse"},
       compute<layer_norm>},
      {"TfjsPeftLayerNormGradient", "", with_none, {"dy", "weight", "normalised", "inverse"}, {"dx"}, compute<layer_norm_gradient>},
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
