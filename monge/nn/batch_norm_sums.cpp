#include "monge/nn/batch_norm_sums.h"

#include <torch/autograd.h>

#include "monge/core/error.h"

namespace monge::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor column(const torch::Tensor& values_C) { return values_C.view({1, -1, 1, 1}); }

torch::Tensor over_pixels(const torch::Tensor& x) { return x.sum(at::IntArrayRef{0, 2, 3}); }

/// (x - mean) invstd weight + bias with the statistics of all ranks. It keeps a pointer to `sums`, which the net owns;
/// the net outlives its graphs.
class Normalise : public torch::autograd::Function<Normalise> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, const torch::Tensor& mean, const torch::Tensor& invstd,
                               const RankSums* sums) {
    ctx->save_for_backward({x, weight, mean, invstd});
    ctx->saved_data["sums"] = reinterpret_cast<int64_t>(sums);
    const auto scale = invstd * weight;
    return (x.to(scale.scalar_type()) * column(scale) + column(bias - mean * scale)).to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    require(!at::GradMode::is_enabled(),
            "synchronised batch norm cannot be differentiated twice; set parallel.sync_batch_norm = false");
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &mean = saved[2], &invstd = saved[3];
    const auto* sums = reinterpret_cast<const RankSums*>(ctx->saved_data["sums"].toInt());
    const auto gradient = gradients[0].to(weight.scalar_type());
    const auto normal = (x.to(weight.scalar_type()) - column(mean)) * column(invstd);
    const auto of_bias = over_pixels(gradient), of_weight = over_pixels(gradient * normal);
    const auto all =
        torch::stack({of_bias, of_weight});  // of this rank's loss; GradientReducer adds those of all ranks
    sums->sum(all);
    const double count = static_cast<double>(x.numel() / x.size(1) * sums->ranks);
    const auto to_x = column(invstd * weight) * (gradient - column(all[0] / count) - normal * column(all[1] / count));
    return {to_x.to(x.scalar_type()), of_weight, of_bias, {}, {}, {}};
  }
};

}  // namespace

torch::Tensor synchronised_batch_norm_relu(const torch::Tensor& x, const torch::Tensor& weight,
                                           const torch::Tensor& bias, const torch::Tensor& running_mean,
                                           const torch::Tensor& running_variance, double momentum, double eps,
                                           const RankSums& sums) {
  require(x.dim() == 4, "batch norm: the images must be [B, C, H, W]; got ", x.sizes());
  const int64_t own = x.numel() / x.size(1), count = own * sums.ranks;
  require(count > 1, "batch norm: one value per channel has no variance; got ", x.sizes());
  torch::Tensor mean, variance;
  {
    const at::NoGradGuard no_grad;
    const auto type = weight.scalar_type();
    const double n = static_cast<double>(count);
    mean = over_pixels(x.to(type)) / n;
    sums.sum(mean);
    // Two passes, because a sum of squares would lose the digits of a variance that is small beside the mean.
    variance = over_pixels((x.to(type) - column(mean)).square()) / n;
    sums.sum(variance);
    running_mean.mul_(1 - momentum).add_(mean, momentum);
    running_variance.mul_(1 - momentum).add_(variance, momentum * n / (n - 1));
  }
  const auto invstd = (variance + eps).rsqrt();
  return torch::relu(Normalise::apply(x, weight, bias, mean, invstd, &sums));
}

}  // namespace monge::nn
