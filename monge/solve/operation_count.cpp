#include "monge/solve/operation_count.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "monge/nn/operation_tally.h"

namespace monge::solve {
namespace {

std::atomic<int64_t> counted{0}, moved{0};
thread_local int64_t depth = 0;  // nesting of the operators that run in this thread

template <class Values>
torch::Tensor tensor_at(const Values& values, size_t index) {
  return index < values.size() && values[index].isTensor() ? values[index].toTensor() : torch::Tensor();
}

/// 2 m n k, the operations of a product [.., m, k] x [.., k, n].
int64_t product(const torch::Tensor& a, const torch::Tensor& b) {
  return a.defined() && b.defined() ? 2 * a.numel() * b.size(-1) : 0;
}

/// 2 |output| in k^2, the operations of a convolution.
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

void count_operations(const at::RecordFunction& call) {
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
}

/// Calls action(tensor) for the tensors of a value, including those in lists.
template <class Action>
void for_tensors(const c10::IValue& value, const Action& action) {
  if (value.isTensor()) {
    if (const auto& tensor = value.toTensor(); tensor.defined() && tensor.has_storage()) action(tensor);
  } else if (value.isList()) {
    for (const c10::IValue& entry : value.toListRef()) for_tensors(entry, action);
  }
}

int64_t bytes_of(const torch::Tensor& tensor) {
  return std::min<int64_t>(static_cast<int64_t>(tensor.nbytes()), static_cast<int64_t>(tensor.storage().nbytes()));
}

/// Whether the operator writes to its first argument without reading it.
bool only_writes(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kNames{"aten::copy_",   "aten::zero_",    "aten::fill_",
                                                          "aten::normal_", "aten::uniform_", "aten::bernoulli_"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// Whether the operator allocates memory and leaves it uninitialised.
bool only_allocates(std::string_view name) {
  return name.starts_with("aten::empty") || name.starts_with("aten::new_empty") || name == "aten::resize_";
}

/// The record of an operator before it runs.
struct Call : at::ObserverContext {
  bool outermost = false;
  int64_t reads = 0, writes = 0;  // bytes of the arguments
  bool has_results = false, has_new_results = false;
  std::vector<const void*> storages;
};

void read_arguments(const at::RecordFunction& call, const c10::FunctionSchema& schema, Call& out) {
  const auto in = call.inputs();
  const auto& arguments = schema.arguments();
  const bool blind = only_writes(call.name());
  for (size_t i = 0; i < std::min(in.size(), arguments.size()); ++i) {
    const bool written = arguments[i].alias_info() && arguments[i].alias_info()->isWrite();
    const bool read = !arguments[i].is_out() && !(written && blind);
    for_tensors(in[i], [&](const torch::Tensor& tensor) {
      out.storages.push_back(tensor.storage().unsafeGetStorageImpl());
      if (read) out.reads += bytes_of(tensor);
      if (written) out.writes += bytes_of(tensor);
    });
  }
}

/// Records the arguments before the call, because the inputs may be gone afterwards. Functions that are not operators
/// (the steps of a backward pass) have no schema and are skipped, so that the operators that they call are counted.
std::unique_ptr<at::ObserverContext> before(const at::RecordFunction& call) {
  count_operations(call);
  const auto schema = call.operator_schema();
  if (!schema) return nullptr;
  auto out = std::make_unique<Call>();
  out->outermost = depth++ == 0 && !only_allocates(call.name());
  if (out->outermost) read_arguments(call, *schema, *out);
  return out;
}

void after(const at::RecordFunction& record, at::ObserverContext* context) {
  if (!context) return;
  --depth;
  auto& call = static_cast<Call&>(*context);
  if (!call.outermost) return;
  for (const auto& value : record.outputs()) {
    for_tensors(value, [&call](const torch::Tensor& tensor) {
      call.has_results = true;
      const void* storage = tensor.storage().unsafeGetStorageImpl();
      if (std::find(call.storages.begin(), call.storages.end(), storage) != call.storages.end()) return;
      call.has_new_results = true;
      call.writes += bytes_of(tensor);
    });
  }
  const bool is_view = call.has_results && !call.has_new_results && call.writes == 0;
  if (!is_view) moved += call.reads + call.writes;
}

}  // namespace

OperationCount::OperationCount() : tally_before_(nn::operation_tally) {
  counted = moved = 0;
  handle_ = at::addGlobalCallback(at::RecordFunctionCallback(before, after)
                                      .needsInputs(true)
                                      .needsOutputs(true)
                                      .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
}
OperationCount::~OperationCount() { at::removeCallback(handle_); }

int64_t OperationCount::operations() const { return counted + nn::operation_tally - tally_before_; }
int64_t OperationCount::bytes() const { return moved; }

}  // namespace monge::solve
