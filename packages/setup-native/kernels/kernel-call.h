// What a kernel needs of TensorFlow's C interface, with tensors that free themselves.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

using Shape = std::vector<int64_t>;

inline size_t elements_of(const Shape &shape) {
  size_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  return elements;
}

/** Thrown by a kernel; becomes an error of the operation. */
struct Failure {
  TF_Code code;
  std::string message;
};

struct Input {
  std::shared_ptr<TF_Tensor> tensor;
  Shape shape;
  const float *data() const { return static_cast<const float *>(TF_TensorData(tensor.get())); }
  const int *integers() const { return static_cast<const int *>(TF_TensorData(tensor.get())); }
  int64_t size() const { return TF_TensorElementCount(tensor.get()); }
  /** Null for an input without elements, which stands for one that is not given. */
  const float *data_or_null() const { return size() > 0 ? data() : nullptr; }
  int64_t last() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const { return last() > 0 ? size() / last() : 0; }
};

class KernelCall {
public:
  explicit KernelCall(TF_OpKernelContext *context) : context(context), status(TF_NewStatus(), TF_DeleteStatus) {}

  int inputs() const { return TF_NumInputs(context); }

  Input input(int index) {
    TF_Tensor *tensor = nullptr;
    TF_GetInput(context, index, &tensor, status.get());
    check();
    Input found{std::shared_ptr<TF_Tensor>(tensor, TF_DeleteTensor), {}};
    for (int axis = 0; axis < TF_NumDims(tensor); axis++) found.shape.push_back(TF_Dim(tensor, axis));
    return found;
  }

  float *output(int index, const Shape &shape) {
    TF_Tensor *tensor = TF_AllocateOutput(context, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                                          elements_of(shape) * sizeof(float), status.get());
    const std::unique_ptr<TF_Tensor, decltype(&TF_DeleteTensor)> owned(tensor, TF_DeleteTensor);
    check();
    return static_cast<float *>(TF_TensorData(tensor));
  }

  /** An output whose memory is ours: `free` takes it back when nobody holds the tensor any more. */
  void output_owned(int index, float *data, const Shape &shape, void (*free)(void *data, size_t bytes, void *)) {
    TF_Tensor *tensor =
        TF_NewTensor(TF_FLOAT, shape.data(), static_cast<int>(shape.size()), data, elements_of(shape) * sizeof(float), free, nullptr);
    const std::unique_ptr<TF_Tensor, decltype(&TF_DeleteTensor)> owned(tensor, TF_DeleteTensor);
    TF_SetOutput(context, index, tensor, status.get());
    check();
  }

  void fail(const Failure &failure) {
    TF_SetStatus(status.get(), failure.code, failure.message.c_str());
    TF_OpKernelContext_Failure(context, status.get());
  }

private:
  TF_OpKernelContext *context;
  std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status;

  void check() {
    if (TF_GetCode(status.get()) != TF_OK) throw Failure{TF_GetCode(status.get()), TF_Message(status.get())};
  }
};

inline void require(bool holds, const char *expected) {
  if (!holds) throw Failure{TF_INVALID_ARGUMENT, std::string("the inputs do not fit each other: expected ") + expected};
}

inline void require_memory(bool enough) {
  if (!enough) throw Failure{TF_RESOURCE_EXHAUSTED, "no memory left"};
}
