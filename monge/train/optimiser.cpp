#include "monge/train/optimiser.h"

#include <torch/types.h>

namespace monge::train {

Adam::Adam(NamedTensors parameters, const AdamOptions& options) : named_(std::move(parameters)), options_(options) {
  for (const auto& [name, parameter] : named_) {
    parameters_.push_back(parameter);
    average_.push_back(torch::zeros_like(parameter));
    square_.push_back(torch::zeros_like(parameter));
  }
  const auto single = torch::dtype(torch::kFloat32).device(parameters_.at(0).device());
  step_ = torch::zeros({}, single);
  steps_.assign(parameters_.size(), step_);  // every parameter is stepped together, so one counter serves all
  // 2^16 and the constants of step() are torch.amp.GradScaler's.
  scale_ = torch::full({}, options_.scale_loss ? 65536.0 : 1.0, single);
  growth_ = torch::zeros({}, single.dtype(torch::kInt32));
}

void Adam::zero_grad() {
  for (auto& parameter : parameters_) parameter.mutable_grad().reset();
}

void Adam::require_gradients(bool on) {
  for (auto& parameter : parameters_) parameter.requires_grad_(on);
}

torch::Tensor Adam::scaled(const torch::Tensor& loss) const {
  return options_.scale_loss ? loss * scale_ : loss;
}

Adam::Step Adam::step(double rate, const torch::Tensor& loss) {
  at::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  gradients.reserve(parameters_.size());
  for (auto& parameter : parameters_) {
    // A parameter that no path reached has a zero gradient, not none: the fused step wants all of them.
    if (!parameter.grad().defined()) parameter.mutable_grad() = torch::zeros_like(parameter);
    gradients.push_back(parameter.grad());
  }
  auto blocked = torch::zeros({}, scale_.options());
  if (options_.scale_loss) at::_amp_foreach_non_finite_check_and_unscale_(gradients, blocked, scale_.reciprocal());
  const auto norm = torch::stack(at::_foreach_norm(gradients)).norm();
  // Inf - Inf and NaN - NaN are NaN: the sum is finite only if both are.
  blocked = torch::maximum(blocked, torch::isfinite(norm + loss.detach().to(norm.scalar_type())).logical_not().to(torch::kFloat32));
  if (options_.clip > 0) at::_foreach_mul_(gradients, (options_.clip / (norm + 1e-6)).clamp_max(1.0));

  step_ += 1 - blocked;
  at::_fused_adam_(parameters_, gradients, average_, square_, /*max_exp_avg_sqs=*/{}, steps_, rate, options_.beta1,
                   options_.beta2, options_.weight_decay, options_.eps, /*amsgrad=*/false, /*maximize=*/false,
                   /*grad_scale=*/std::nullopt, /*found_inf=*/blocked);
  if (options_.scale_loss) at::_amp_update_scale_(scale_, growth_, blocked, 2.0, 0.5, 2000);
  return {blocked, norm};
}

NamedTensors Adam::state() const {
  NamedTensors out{{"step", step_}, {"scale", scale_}, {"growth", growth_}};
  for (size_t i = 0; i < named_.size(); ++i) {
    out.emplace_back("exp_avg/" + named_[i].first, average_[i]);
    out.emplace_back("exp_avg_sq/" + named_[i].first, square_[i]);
  }
  return out;
}

}  // namespace monge::train
