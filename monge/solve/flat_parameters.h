// Tensors of a net laid one behind the other, so that one operator updates them all.
#pragma once

#include <torch/types.h>

#include <vector>

namespace monge::solve {

/// A flat tensor and views of it, one for each tensor of a layout. A view has the sizes and, where they are dense, the
/// strides of its tensor (channels-last weights stay so) and starts at a multiple of 64 bytes. What lies between the
/// views, and behind the last up to a multiple of 1024 entries, is zero and stays so under what an optimiser does.
class FlatParameters {
 public:
  FlatParameters() = default;
  /// Zeros for tensors like these, which are of one type and on one device. None: an empty tensor.
  explicit FlatParameters(const std::vector<torch::Tensor>& like);

  /// Zeros in the same layout.
  FlatParameters twin() const;

  /// Copies `tensors` (those of the layout, in order) in and makes them the views: they keep their identity, in modules
  /// and graphs too, and get this memory.
  void adopt(const std::vector<torch::Tensor>& tensors);

  /// Makes those of `tensors` views again that were given other memory since, as Module::to does; their values are
  /// copied.
  /// @throws InputError when one is of another type or on another device now.
  void keep(const std::vector<torch::Tensor>& tensors);

  const torch::Tensor& whole() const { return whole_; }
  const std::vector<torch::Tensor>& views() const { return views_; }

 private:
  torch::Tensor whole_;
  std::vector<torch::Tensor> views_;
};

/// Makes `view` hold a parameter's gradient and be it. Autograd adds in place to views that it was given; what came
/// another way, as when somebody reset a gradient, is copied; a parameter that no path reached has the gradient zero.
void gather_gradient(const torch::Tensor& parameter, const torch::Tensor& view);

/// The value of a scalar on a CPU, without a call through the dispatcher.
double host_value(const torch::Tensor& scalar);

/// The square root of the sum of squares, a scalar; in two steps, which is accurate for millions of entries too.
torch::Tensor norm(const FlatParameters& flat);

}  // namespace monge::solve
