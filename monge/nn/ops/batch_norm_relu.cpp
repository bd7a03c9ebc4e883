#include "monge/nn/ops/batch_norm_relu.h"

#include <torch/autograd.h>

#include <optional>

#include "monge/core/error.h"
#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Normalisation and ReLU with given statistics: those of the batch (training) or constants.
torch::Tensor differentiable(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                             const torch::Tensor& mean, const torch::Tensor& invstd, bool training, double eps) {
  if (training) return torch::relu(torch::batch_norm(x, weight, bias, {}, {}, true, 0, eps, false));
  const auto column = [&](const torch::Tensor& t) { return t.view({1, -1, 1, 1}); };
  return torch::relu((x - column(mean)) * column(invstd * weight) + column(bias)).to(x.scalar_type());
}

class BatchNormReluFunction : public torch::autograd::Function<BatchNormReluFunction> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, const torch::Tensor& mean, const torch::Tensor& invstd,
                               bool training, double eps, const std::optional<torch::Tensor>& shift) {
    ctx->saved_data["shifted"] = shift.has_value();
    ctx->save_for_backward({x, weight, bias, mean, invstd});
    ctx->saved_data["training"] = training;
    ctx->saved_data["eps"] = eps;
    return kernels_for(x).normalise_relu(x, mean, invstd, weight, bias);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &bias = saved[2], &mean = saved[3], &invstd = saved[4];
    const bool training = ctx->saved_data["training"].toBool();
    variable_list out(8);
    // It is the sixth tensor and the eighth argument.
    if (ctx->saved_data["shifted"].toBool() && ctx->needs_input_grad(5)) out[7] = torch::zeros_like(bias);
    if (at::GradMode::is_enabled()) {  // the gradient will be differentiated again
      const auto y = differentiable(x, weight, bias, mean, invstd, training, ctx->saved_data["eps"].toDouble());
      variable_list of;
      std::vector<size_t> places;
      for (const size_t i : {0, 1, 2}) {
        if (ctx->needs_input_grad(i)) of.push_back(saved[i]), places.push_back(i);
      }
      const auto found = torch::autograd::grad({y}, of, {gradients[0]}, /*retain_graph=*/true, /*create_graph=*/true);
      for (size_t i = 0; i < places.size(); ++i) out[places[i]] = found[i];
      return out;
    }
    const auto found = kernels_for(x).normalise_relu_backward(
        gradients[0].contiguous(torch::MemoryFormat::ChannelsLast), x, mean, invstd, weight, bias, training);
    std::copy(found.begin(), found.end(), out.begin());
    return out;
  }
};

torch::Tensor shifted(const torch::Tensor& x, const torch::Tensor& shift) {
  return shift.defined() ? x + shift.to(x.scalar_type()).view({1, -1, 1, 1}) : x;
}

bool takes_batch_norm(const torch::Tensor& x, const BatchNorm& norm) {
  const auto& kernels = kernels_for(x);
  const auto fits = [&](const torch::Tensor& t) {
    return t.defined() && t.scalar_type() == torch::kFloat32 && t.device() == x.device() && t.is_contiguous() &&
           t.numel() == x.size(1);
  };
  return kernels.batch_statistics && kernels.normalise_relu && kernels.normalise_relu_backward && is_nhwc(x) &&
         fits(norm.weight) && fits(norm.bias) && fits(norm.running_mean) && fits(norm.running_variance) &&
         (!norm.shift.defined() || fits(norm.shift));
}

}  // namespace

torch::Tensor reference_batch_norm_relu(const torch::Tensor& lacking, const BatchNorm& norm) {
  require(lacking.dim() == 4, "batch_norm_relu: the images must be [B, C, H, W]; got ", lacking.sizes());
  const auto x = shifted(lacking, norm.shift);
  require(!norm.training || x.numel() != x.size(1), "batch_norm_relu: one value per channel has no variance; got ",
          x.sizes());
  auto y = torch::batch_norm(x, norm.weight, norm.bias, norm.running_mean, norm.running_variance, norm.training,
                             norm.momentum, norm.eps, at::globalContext().userEnabledCuDNN());
  return torch::relu_(y);
}

torch::Tensor batch_norm_relu(const torch::Tensor& x, const BatchNorm& norm) {
  if (!takes_batch_norm(x, norm) || x.numel() == x.size(1)) return reference_batch_norm_relu(x, norm);
  const bool wants =
      at::GradMode::is_enabled() && (x.requires_grad() || norm.weight.requires_grad() || norm.bias.requires_grad());
  if (norm.shift.defined() && !norm.training && wants) {  // with running statistics the shift has a gradient
    auto whole = norm;
    whole.shift = torch::Tensor();
    return batch_norm_relu(shifted(x, norm.shift), whole);
  }
  const auto& kernels = kernels_for(x);
  KernelTable::Statistics statistics;
  {
    const at::NoGradGuard no_grad;
    if (norm.training) {
      auto running_mean = norm.running_mean;
      if (norm.shift.defined()) running_mean.sub_(norm.shift);
      statistics = kernels.batch_statistics(x, running_mean, norm.running_variance, norm.momentum, norm.eps);
      if (norm.shift.defined()) running_mean.add_(norm.shift);
    } else {
      statistics = {norm.shift.defined() ? norm.running_mean - norm.shift : norm.running_mean,
                    torch::rsqrt(norm.running_variance + norm.eps)};
    }
  }
  if (!wants) {
    const at::NoGradGuard no_grad;
    return kernels.normalise_relu(x, statistics.mean, statistics.invstd, norm.weight, norm.bias);
  }
  // In eval mode the mean is the module's buffer, which a later training pass changes: keep the current values.
  return BatchNormReluFunction::apply(
      x, norm.weight, norm.bias, norm.training ? statistics.mean : statistics.mean.clone(), statistics.invstd,
      norm.training, norm.eps, norm.shift.defined() ? std::optional(norm.shift) : std::nullopt);
}

}  // namespace monge::nn::ops
