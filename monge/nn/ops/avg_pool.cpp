#include "monge/nn/ops/avg_pool.h"

#include <torch/autograd.h>

#include "monge/nn/ops/forms.h"

namespace monge::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class Fused : public torch::autograd::Function<Fused> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x) {
    ctx->saved_data["sizes"] = x.sizes().vec();
    return forms_for(x).avg_pool(x);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto sizes = ctx->saved_data["sizes"].toIntVector();
    const auto& gradient = gradients[0];
    if (at::GradMode::is_enabled()) {
      // Of x the operator reads the sizes alone.
      const auto x = at::empty(sizes, gradient.options(), torch::MemoryFormat::ChannelsLast);
      return {at::avg_pool2d_backward(gradient, x, {3, 3}, {2, 2}, {1, 1}, false, true, std::nullopt)};
    }
    return {forms_for(gradient).avg_pool_backward(gradient.contiguous(torch::MemoryFormat::ChannelsLast), sizes[2],
                                                  sizes[3])};
  }
};

}  // namespace

torch::Tensor plain_avg_pool(const torch::Tensor& x) { return torch::avg_pool2d(x, {3, 3}, {2, 2}, {1, 1}); }

torch::Tensor avg_pool(const torch::Tensor& x) {
  const auto& forms = forms_for(x);
  if (!forms.avg_pool || !forms.avg_pool_backward || !is_nhwc(x)) return plain_avg_pool(x);
  if (at::GradMode::is_enabled() && x.requires_grad()) return Fused::apply(x);
  return forms.avg_pool(x);
}

}  // namespace monge::nn::ops
