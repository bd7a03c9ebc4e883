#include "monge/train/operation_count.h"

#include <ATen/record_function.h>

#include <atomic>
#include <string_view>

#include "monge/nn/operation_tally.h"

namespace monge::train {
namespace {

std::atomic<int64_t> counted{0};

template <class Values>
torch::Tensor tensor_at(const Values& values, size_t index) {
  return index < values.size() && values[index].isTensor() ? values[index].toTensor() : torch::Tensor();
}

/// 2 m n k of [.., m, k] x [.., k, n].
int64_t product(const torch::Tensor& a, const torch::Tensor& b) {
  return a.defined() && b.defined() ? 2 * a.numel() * b.size(-1) : 0;
}

/// 2 |output| in k^2.
int64_t convolution(int64_t output_numel, const torch::Tensor& weight) {
  return 2 * output_numel * (weight.numel() / weight.size(0));
}

/// Entries of the output of aten::convolution(input, weight, bias, stride, padding, dilation, ...).
template <class Values>
int64_t output_numel(const Values& in, const torch::Tensor& input, const torch::Tensor& weight) {
  const auto stride = in[3].toIntVector(), padding = in[4].toIntVector(), dilation = in[5].toIntVector();
  int64_t out = input.size(0) * weight.size(0);
  for (int64_t axis = 2; axis < input.dim(); ++axis) {
    const auto i = static_cast<size_t>(axis - 2);
    out *= (input.size(axis) + 2 * padding[i % padding.size()] -
            dilation[i % dilation.size()] * (weight.size(axis) - 1) - 1) /
               stride[i % stride.size()] +
           1;
  }
  return out;
}

/// Looks at a call before it is made: its inputs are not there any more afterwards.
std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& call) {
  const std::string_view name = call.name();
  const auto& in = call.inputs();
  if (name == "aten::mm" || name == "aten::bmm") {
    counted += product(tensor_at(in, 0), tensor_at(in, 1));
  } else if (name == "aten::addmm" || name == "aten::addmm_" || name == "aten::baddbmm") {
    counted += product(tensor_at(in, 1), tensor_at(in, 2));
  } else if (name == "aten::convolution" && in.size() > 5) {
    const auto input = tensor_at(in, 0), weight = tensor_at(in, 1);
    if (input.defined() && weight.defined()) counted += convolution(output_numel(in, input, weight), weight);
  } else if (name == "aten::convolution_backward" && in.size() > 10) {
    const auto gradient = tensor_at(in, 0), weight = tensor_at(in, 2);
    const auto wanted = in[10].toBoolList();  // of input, weight, bias
    if (gradient.defined() && weight.defined()) {
      counted +=
          (static_cast<int64_t>(wanted[0]) + static_cast<int64_t>(wanted[1])) * convolution(gradient.numel(), weight);
    }
  }
  return nullptr;
}

}  // namespace

OperationCount::OperationCount() : ours_before_(nn::operation_tally) {
  counted = 0;
  handle_ = at::addGlobalCallback(at::RecordFunctionCallback(count).needsInputs(true).scopes(
      {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
}
OperationCount::~OperationCount() { at::removeCallback(handle_); }

int64_t OperationCount::operations() const { return counted + nn::operation_tally - ours_before_; }

}  // namespace monge::train
