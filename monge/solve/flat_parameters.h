// The tensors of a net one behind the other in one flat tensor, so that one operator updates them all.
#pragma once

#include <torch/types.h>

#include <vector>

namespace monge::solve {

/// A flat tensor and views of it, one for each tensor of a layout. A view has the sizes of its tensor and, if that is
/// dense, also its strides (channels-last weights keep their layout). It starts at a multiple of 64 bytes. The entries
/// between the views, and those after the last one up to a multiple of 1024 entries, are zero; the operations of an
/// optimiser keep them zero.
class FlatParameters {
 public:
  FlatParameters() = default;
  /// Zeros for tensors like these, which have one type and one device. Without tensors the flat tensor is empty.
  /// @throws InputError if types or devices differ.
  explicit FlatParameters(const std::vector<torch::Tensor>& like);

  /// Zeros in the same layout.
  FlatParameters twin() const;

  /// Copies the values of `tensors` (those of the layout, in order) and replaces their memory by the views. The tensors
  /// keep their identity, in modules and graphs too.
  void adopt(const std::vector<torch::Tensor>& tensors);

  /// Adopts again those of `tensors` that have received other memory since, as Module::to gives it.
  /// @throws InputError if a tensor now has another type or device.
  void keep(const std::vector<torch::Tensor>& tensors);

  const torch::Tensor& whole() const { return whole_; }
  const std::vector<torch::Tensor>& views() const { return views_; }

 private:
  torch::Tensor whole_;
  std::vector<torch::Tensor> views_;
};

/// Makes `view` the gradient of the parameter, with its values. Usually autograd has added to the view in place. A
/// gradient in other memory (somebody may have reset it) is copied. A parameter that no path of the graph reached gets
/// the gradient zero.
void gather_gradient(const torch::Tensor& parameter, const torch::Tensor& view);

/// The value of a scalar on the CPU; float32 and float64 are read without a call through the dispatcher.
double host_value(const torch::Tensor& scalar);

/// The Euclidean norm, a scalar. It is summed in two steps, so that it is accurate for millions of entries too.
torch::Tensor norm(const FlatParameters& flat);

}  // namespace monge::solve
