#include "monge/nn/ops/squared_distance.h"

#include <torch/autograd.h>

#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class SquaredDistanceFunction : public torch::autograd::Function<SquaredDistanceFunction> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& y, double tau) {
    ctx->save_for_backward({x, y});
    ctx->saved_data["tau"] = tau;
    return forms_for(x).squared_distance(x, y, tau);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &y = saved[1];
    const double tau = ctx->saved_data["tau"].toDouble();
    const std::array<bool, 2> wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1)};
    variable_list out(3);
    if (at::GradMode::is_enabled()) {
      std::vector<int64_t> column(static_cast<size_t>(x.dim()), 1);
      column[0] = x.size(0);
      const auto gradient_x = 2 * tau * gradients[0].view(column) * (x - y);
      if (wanted[0]) out[0] = gradient_x.to(x.scalar_type());
      if (wanted[1]) out[1] = -gradient_x.to(y.scalar_type());
      return out;
    }
    const auto pair = forms_for(x).squared_distance_backward(gradients[0].contiguous(), x, y, tau, wanted);
    std::copy(pair.begin(), pair.end(), out.begin());
    return out;
  }
};

bool takes_distance(const torch::Tensor& x, const torch::Tensor& y) {
  const auto &for_x = forms_for(x), &for_y = forms_for(y);
  return for_x.squared_distance && for_x.squared_distance_backward && for_y.squared_distance && x.numel() > 0 &&
         x.dim() > 0 && x.size(0) <= 65535 && x.sizes() == y.sizes() && x.device() == y.device() &&
         x.element_size() >= y.element_size() &&
         ((x.strides() == y.strides() && x.is_non_overlapping_and_dense() && (x.is_contiguous() || is_nhwc(x))) ||
          (x.is_contiguous() && is_nhwc(y)));
}

}  // namespace

torch::Tensor plain_squared_distance(const torch::Tensor& x, const torch::Tensor& y, double tau) {
  const auto wide = [](const torch::Tensor& t) {
    return t.scalar_type() == torch::kFloat64 ? t : t.to(torch::kFloat32);
  };
  return tau * (wide(x) - wide(y)).square().flatten(1).sum(1);
}

torch::Tensor squared_distance(const torch::Tensor& x, const torch::Tensor& y, double tau) {
  if (!takes_distance(x, y)) return plain_squared_distance(x, y, tau);
  if (at::GradMode::is_enabled() && (x.requires_grad() || y.requires_grad()))
    return SquaredDistanceFunction::apply(x, y, tau);
  return forms_for(x).squared_distance(x, y, tau);
}

}  // namespace monge::nn::ops
