#include "monge/train/operation_count.h"

#include <ATen/record_function.h>

#include <atomic>
#include <string_view>

namespace monge::train {
namespace {

std::atomic<int64_t> counted{0};

template <class Values>
torch::Tensor tensor_at(const Values& values, size_t index) {
  return index < values.size() && values[index].isTensor() ? values[index].toTensor() : torch::Tensor();
}

/// 2 m n k of [.., m, k] x [.., k, n].
int64_t product(const torch::Tensor& a, const torch::Tensor& b) { return a.defined() && b.defined() ? 2 * a.numel() * b.size(-1) : 0; }

/// 2 |output| in k^2.
int64_t convolution(const torch::Tensor& output, const torch::Tensor& weight) {
  return output.defined() && weight.defined() ? 2 * output.numel() * (weight.numel() / weight.size(0)) : 0;
}

std::unique_ptr<at::ObserverContext> nothing(const at::RecordFunction&) { return nullptr; }

void count(const at::RecordFunction& call, at::ObserverContext*) {
  const std::string_view name = call.name();
  const auto& inputs = call.inputs();
  const auto in = [&](size_t index) { return tensor_at(inputs, index); };
  if (name == "aten::mm" || name == "aten::bmm") {
    counted += product(in(0), in(1));
  } else if (name == "aten::addmm" || name == "aten::baddbmm") {
    counted += product(in(1), in(2));
  } else if (name == "aten::convolution" && !call.outputs().empty()) {
    counted += convolution(tensor_at(call.outputs(), 0), in(1));
  } else if (name == "aten::convolution_backward") {
    for (const auto& output : call.outputs()) {  // of input, weight and bias; undefined where not asked for
      if (output.isTensor() && output.toTensor().defined() && output.toTensor().dim() > 1) counted += convolution(in(0), in(2));
    }
  }
}

}  // namespace

OperationCount::OperationCount() {
  counted = 0;
  handle_ = at::addGlobalCallback(at::RecordFunctionCallback(nothing, count).needsInputs(true).needsOutputs(true)
                                      .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
}
OperationCount::~OperationCount() { at::removeCallback(handle_); }

int64_t OperationCount::operations() const { return counted; }

}  // namespace monge::train
