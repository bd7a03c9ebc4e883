#include "monge/solve/optimiser.h"

#include <torch/types.h>

#include <cmath>

namespace monge::solve {
namespace {

std::vector<torch::Tensor> values_of(const NamedTensors& named) {
  std::vector<torch::Tensor> out;
  for (const auto& entry : named) out.push_back(entry.second);
  return out;
}

}  // namespace

Adam::Adam(NamedTensors parameters, const AdamOptions& options)
    : named_(std::move(parameters)),
      parameters_(values_of(named_)),
      values_(parameters_),
      gradients_(values_.twin()),
      average_(values_.twin()),
      square_(values_.twin()),
      options_(options) {
  values_.adopt(parameters_);
  const auto single = torch::dtype(torch::kFloat32).device(parameters_.at(0).device());
  step_ = torch::zeros({}, single);
  // 2^16 and the constants of step() are the defaults of torch.amp.GradScaler.
  scale_ = torch::full({}, options_.scale_loss ? 65536.0 : 1.0, single);
  growth_ = torch::zeros({}, single.dtype(torch::kInt32));
  zero_ = torch::zeros({}, single);
  one_ = torch::ones({}, single);
  if (options_.basis_decay) basis_.emplace(named_, values_, *options_.basis_decay);
}

void Adam::zero_grad() {
  gradients_.whole().zero_();
  attach_gradients();
}

void Adam::attach_gradients() {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    auto& gradient = parameters_[i].mutable_grad();
    if (!parameters_[i].requires_grad()) {
      gradient.reset();
    } else if (!gradient.is_same(gradients_.views()[i])) {
      gradient = gradients_.views()[i];
    }
  }
}

void Adam::require_gradients(bool on) {
  if (parameters_[0].requires_grad() == on && (on || !parameters_[0].grad().defined())) return;
  for (auto& parameter : parameters_) {
    parameter.requires_grad_(on);
    if (!on) parameter.mutable_grad().reset();
  }
}

torch::Tensor Adam::scaled(const torch::Tensor& loss) const { return options_.scale_loss ? loss * scale_ : loss; }

Adam::Step Adam::step(const ot::HostOrDeviceScalar& rate, const torch::Tensor& loss,
                      const FlatParameters* of_all_ranks) {
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) gather_gradient(parameters_[i], gradients_.views()[i]);
  values_.keep(parameters_);
  const auto& gradients = of_all_ranks ? *of_all_ranks : gradients_;
  const auto& gradient = gradients.whole();
  const bool on_host = gradient.is_cpu() && !options_.scale_loss;
  torch::Tensor blocked;
  if (options_.scale_loss) {
    blocked = torch::zeros({}, scale_.options());
    std::vector<torch::Tensor> one{gradient};
    at::_amp_foreach_non_finite_check_and_unscale_(one, blocked, scale_.reciprocal());
  }
  const auto length = norm(gradients);
  if (on_host) {  // reading the values costs nothing here
    // Inf - Inf and NaN - NaN are NaN: the sum is finite only if both are.
    if (!std::isfinite(host_value(length) + host_value(loss))) return {one_, length};
  } else {
    const auto bad = torch::isfinite(length + loss.detach().to(length.scalar_type())).logical_not().to(torch::kFloat32);
    blocked = blocked.defined() ? torch::maximum(blocked, bad) : bad;
  }
  if (options_.clip > 0) gradient.mul_((options_.clip / (length + 1e-6)).clamp_max(1.0));

  step_ += on_host ? one_ : 1 - blocked;
  const auto found = on_host ? std::optional<torch::Tensor>() : blocked;
  // In a basis Adam writes its step into zeros, and the step is projected back; the decay of the weights comes before.
  if (basis_) {
    if (options_.weight_decay > 0) gradient.add_(values_.whole(), options_.weight_decay);
    if (!on_host) gradient.masked_fill_(blocked > 0, 0);  // the covariances must stay finite
  }
  const auto& used = basis_ ? basis_->project(gradients, on_host ? one_ : 1 - blocked).whole() : gradient;
  const auto& moved = basis_ ? basis_->step_buffer() : values_.whole();
  const auto take = [&](const auto& step_size) {
    at::_fused_adam_({moved}, {used}, {average_.whole()}, {square_.whole()}, /*max_exp_avg_sqs=*/{}, {step_}, step_size,
                     options_.beta1, options_.beta2, basis_ ? 0 : options_.weight_decay, options_.eps,
                     /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/std::nullopt, found);
  };
  if (rate.tensor.defined()) {
    take(rate.tensor);
  } else {
    take(rate.value);
  }
  if (basis_) basis_->project_back(values_);
  if (options_.scale_loss) at::_amp_update_scale_(scale_, growth_, blocked, 2.0, 0.5, 2000);
  return {on_host ? zero_ : blocked, length};
}

torch::Tensor Adam::moment_check() const {
  at::NoGradGuard no_grad;
  return (average_.whole().sum() + square_.whole().sum()) * 0;
}

void Adam::refresh_basis() {
  if (basis_) basis_->refresh(average_, square_);
}

NamedTensors Adam::state() const {
  NamedTensors out{{"step", step_}, {"scale", scale_}, {"growth", growth_}};
  for (size_t i = 0; i < named_.size(); ++i) {
    out.emplace_back("exp_avg/" + named_[i].first, average_.views()[i]);
    out.emplace_back("exp_avg_sq/" + named_[i].first, square_.views()[i]);
  }
  if (basis_) {
    for (auto& entry : basis_->state()) out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace monge::solve
