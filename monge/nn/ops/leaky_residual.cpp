#include "monge/nn/ops/leaky_residual.h"

#include <torch/autograd.h>

#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class LeakyResidualFunction : public torch::autograd::Function<LeakyResidualFunction> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& shortcut, torch::Tensor dx, double ratio,
                               double slope, bool in_place) {
    const auto out = in_place ? dx : at::empty_like(dx);
    kernels_for(dx).leaky_residual(shortcut, dx, ratio, slope, out);
    if (in_place) ctx->mark_dirty({dx});
    ctx->save_for_backward({out});
    ctx->saved_data["ratio"] = ratio;
    ctx->saved_data["slope"] = slope;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    // The output has the sign of the argument, and the slope depends on nothing else, so no gradient goes through it.
    const auto out = ctx->get_saved_variables()[0].detach();
    const double ratio = ctx->saved_data["ratio"].toDouble(), slope = ctx->saved_data["slope"].toDouble();
    const std::array<bool, 2> wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1)};
    variable_list found(5);
    if (at::GradMode::is_enabled()) {
      const auto inner = at::leaky_relu_backward(gradients[0], out, slope, /*self_is_result=*/false);
      if (wanted[0]) found[0] = inner;
      if (wanted[1]) found[1] = inner * ratio;
      return found;
    }
    auto gradient = gradients[0];
    if (gradient.strides() != out.strides()) gradient = at::empty_like(out).copy_(gradient);
    const auto pair = kernels_for(out).leaky_residual_backward(gradient, out, ratio, slope, wanted);
    std::copy(pair.begin(), pair.end(), found.begin());
    return found;
  }
};

bool takes_residual(const torch::Tensor& shortcut, const torch::Tensor& dx, double slope) {
  return kernels_for(dx).leaky_residual && kernels_for(dx).leaky_residual_backward && slope > 0 && dx.numel() > 0 &&
         dx.is_non_overlapping_and_dense() && shortcut.sizes() == dx.sizes() && shortcut.strides() == dx.strides() &&
         shortcut.scalar_type() == dx.scalar_type() && shortcut.device() == dx.device();
}

}  // namespace

torch::Tensor reference_leaky_residual(const torch::Tensor& shortcut, const torch::Tensor& dx, double ratio,
                                       double slope) {
  return torch::leaky_relu(torch::add(shortcut, dx, ratio), slope);
}

torch::Tensor leaky_residual(const torch::Tensor& shortcut, torch::Tensor dx, double ratio, double slope) {
  if (!takes_residual(shortcut, dx, slope)) return reference_leaky_residual(shortcut, dx, ratio, slope);
  const bool graph = at::GradMode::is_enabled() && (shortcut.requires_grad() || dx.requires_grad());
  // Not overwritten are: a view, a leaf that requires a gradient, a tensor that another graph may hold, and a dx that
  // is the shortcut itself.
  const bool in_place =
      !dx.is_view() && !(dx.is_leaf() && dx.requires_grad()) && !dx.is_same(shortcut) && (graph || !dx.requires_grad());
  if (graph) return LeakyResidualFunction::apply(shortcut, dx, ratio, slope, in_place);
  const auto out = in_place ? dx : at::empty_like(dx);
  kernels_for(dx).leaky_residual(shortcut, dx, ratio, slope, out);
  return out;
}

}  // namespace monge::nn::ops
