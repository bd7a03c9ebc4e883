#include "monge/nn/ops/avg_pool.h"

#include <torch/autograd.h>

#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A linear operator and its transpose; each is the gradient of the other.
class Means : public torch::autograd::Function<Means> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x);
  static variable_list backward(AutogradContext* ctx, variable_list gradients);
};

class Transposed : public torch::autograd::Function<Transposed> {
 public:
  static torch::Tensor forward(AutogradContext*, const torch::Tensor& gradient, int64_t height, int64_t width) {
    return kernels_for(gradient).avg_pool_backward(gradient, height, width);
  }
  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {avg_pool(gradients[0].contiguous(torch::MemoryFormat::ChannelsLast)), {}, {}};
  }
};

torch::Tensor Means::forward(AutogradContext* ctx, const torch::Tensor& x) {
  ctx->saved_data["height"] = x.size(2);
  ctx->saved_data["width"] = x.size(3);
  return kernels_for(x).avg_pool(x);
}

variable_list Means::backward(AutogradContext* ctx, variable_list gradients) {
  const auto gradient = gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
  const int64_t height = ctx->saved_data["height"].toInt(), width = ctx->saved_data["width"].toInt();
  if (at::GradMode::is_enabled() && gradient.requires_grad()) return {Transposed::apply(gradient, height, width)};
  return {kernels_for(gradient).avg_pool_backward(gradient, height, width)};
}

}  // namespace

torch::Tensor reference_avg_pool(const torch::Tensor& x) {
  // There LibTorch's gradients of channels_last are silently wrong, unless nothing is padded (pytorch issue 188344).
  if (x.is_cuda()) return padded_avg_pool(x);
  return torch::avg_pool2d(x, {3, 3}, {2, 2}, {1, 1});
}

torch::Tensor padded_avg_pool(const torch::Tensor& x) {
  return torch::avg_pool2d(torch::constant_pad_nd(x, {1, 1, 1, 1}), {3, 3}, {2, 2});
}

torch::Tensor avg_pool(const torch::Tensor& x) {
  const auto& kernels = kernels_for(x);
  if (!kernels.avg_pool || !kernels.avg_pool_backward || !is_nhwc(x)) return reference_avg_pool(x);
  if (at::GradMode::is_enabled() && x.requires_grad()) return Means::apply(x);
  return kernels.avg_pool(x);
}

}  // namespace monge::nn::ops
