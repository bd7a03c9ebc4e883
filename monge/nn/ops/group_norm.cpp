#include "monge/nn/ops/group_norm.h"

#include <torch/autograd.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor column(const torch::Tensor& t_BC) { return t_BC.unsqueeze(2).unsqueeze(3); }

torch::Tensor activated(const torch::Tensor& x, NormActivation activation) {
  return activation == NormActivation::relu ? torch::relu(x) : torch::silu(x);
}

/// act(normalised x * gamma + beta), by operators that can be differentiated any number of times.
torch::Tensor differentiable(const torch::Tensor& x, const torch::Tensor& gamma_BC, const torch::Tensor& beta_BC,
                             int64_t groups, NormActivation activation, double eps) {
  const auto normal = torch::group_norm(x, groups, {}, {}, eps);
  return activated(normal * column(gamma_BC) + column(beta_BC), activation).to(x.scalar_type());
}

/// The affine map of each sample: weight and bias with the modulation, [B, C] each.
std::array<torch::Tensor, 2> affine(const GroupNorm& norm, int64_t batch) {
  if (!norm.scale_BC.defined()) {
    return {norm.weight.unsqueeze(0).expand({batch, -1}), norm.bias.unsqueeze(0).expand({batch, -1})};
  }
  const auto one_and_scale = norm.scale_BC.to(torch::kFloat32) + 1;
  return {norm.weight * one_and_scale, norm.bias * one_and_scale + norm.shift_BC.to(torch::kFloat32)};
}

class GroupNormFunction : public torch::autograd::Function<GroupNormFunction> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& gamma_BC,
                               const torch::Tensor& beta_BC, const torch::Tensor& mean_BG,
                               const torch::Tensor& invstd_BG, bool is_silu, double eps) {
    ctx->save_for_backward({x, gamma_BC, beta_BC, mean_BG, invstd_BG});
    ctx->saved_data["silu"] = is_silu;
    ctx->saved_data["eps"] = eps;
    return kernels_for(x).group_normalise(x, {mean_BG, invstd_BG}, gamma_BC, beta_BC, is_silu);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &gamma_BC = saved[1], &beta_BC = saved[2], &mean_BG = saved[3], &invstd_BG = saved[4];
    const bool is_silu = ctx->saved_data["silu"].toBool();
    variable_list out(7);
    if (at::GradMode::is_enabled()) {  // the gradient will be differentiated again
      const auto y =
          differentiable(x, gamma_BC, beta_BC, mean_BG.size(1), is_silu ? NormActivation::silu : NormActivation::relu,
                         ctx->saved_data["eps"].toDouble());
      variable_list of;
      std::vector<size_t> places;
      for (const size_t i : {0, 1, 2}) {
        if (ctx->needs_input_grad(i)) of.push_back(saved[i]), places.push_back(i);
      }
      const auto found = torch::autograd::grad({y}, of, {gradients[0]}, /*retain_graph=*/true, /*create_graph=*/true);
      for (size_t i = 0; i < places.size(); ++i) out[places[i]] = found[i];
      return out;
    }
    const auto found =
        kernels_for(x).group_normalise_backward(gradients[0].contiguous(torch::MemoryFormat::ChannelsLast), x,
                                                {mean_BG, invstd_BG}, gamma_BC, beta_BC, is_silu);
    std::copy(found.begin(), found.end(), out.begin());
    return out;
  }
};

void check(const torch::Tensor& x, const GroupNorm& norm) {
  require(x.dim() == 4, "group_norm: the images must be [B, C, H, W]; got ", x.sizes());
  require(norm.groups > 0 && x.size(1) % norm.groups == 0, "group_norm: ", norm.groups, " groups do not divide ",
          x.size(1), " channels");
  require(norm.scale_BC.defined() == norm.shift_BC.defined(), "group_norm: scale and shift must be given together");
}

bool has_kernel(const torch::Tensor& x, const GroupNorm& norm) {
  const auto& kernels = kernels_for(x);
  const auto fits = [&](const torch::Tensor& t, bool also_narrow) {
    const bool has_type = t.scalar_type() == torch::kFloat32 || (also_narrow && t.scalar_type() == x.scalar_type());
    return has_type && t.device() == x.device();
  };
  return kernels.group_statistics && kernels.group_normalise && kernels.group_normalise_backward && is_nhwc(x) &&
         fits(norm.weight, false) && fits(norm.bias, false) &&
         // Autocast lets a linear layer give the modulation in the type of x.
         (!norm.scale_BC.defined() || (fits(norm.scale_BC, true) && fits(norm.shift_BC, true)));
}

}  // namespace

torch::Tensor reference_group_norm(const torch::Tensor& x, const GroupNorm& norm) {
  check(x, norm);
  // LibTorch 2.11 crashes in the backward pass of channels-last images where the gradient of x is not needed. On a GPU
  // its operator takes no parameters of another type than x.
  const bool apart = (at::GradMode::is_enabled() && !x.requires_grad()) ||
                     (x.is_cuda() && norm.weight.scalar_type() != x.scalar_type());
  auto y = apart ? torch::group_norm(x, norm.groups, {}, {}, norm.eps)
                 : torch::group_norm(x, norm.groups, norm.weight, norm.bias, norm.eps);
  if (apart) y = y * norm.weight.view({1, -1, 1, 1}) + norm.bias.view({1, -1, 1, 1});
  if (norm.scale_BC.defined()) y = y * column(norm.scale_BC + 1) + column(norm.shift_BC);
  y = activated(y, norm.activation).to(x.scalar_type());
  // On a GPU LibTorch's group norm returns another layout, which makes all later layers slow and not reproducible.
  return x.is_contiguous(torch::MemoryFormat::ChannelsLast) ? y.contiguous(torch::MemoryFormat::ChannelsLast) : y;
}

torch::Tensor group_norm(const torch::Tensor& x, const GroupNorm& norm) {
  check(x, norm);
  if (!has_kernel(x, norm)) return reference_group_norm(x, norm);
  const auto [gamma_BC, beta_BC] = affine(norm, x.size(0));
  GroupStatistics statistics;
  {
    const at::NoGradGuard no_grad;
    statistics = kernels_for(x).group_statistics(x, norm.groups, norm.eps);
  }
  return GroupNormFunction::apply(x, gamma_BC, beta_BC, statistics.mean_BG, statistics.invstd_BG,
                                  norm.activation == NormActivation::silu, norm.eps);
}

int64_t group_count(int64_t channels, int64_t most) {
  for (int64_t groups = most; groups > 1; --groups) {
    if (channels % groups == 0) return groups;
  }
  return 1;
}

}  // namespace monge::nn::ops
