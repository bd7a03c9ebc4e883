#include "monge/nn/gaussian_plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "monge/core/error.h"

namespace monge::nn {
namespace {

constexpr int64_t kMostPlanEntries = 65'536;

torch::Tensor wide(const torch::Tensor& value) { return value.to(torch::kFloat64); }

/// x W', [B, K], for x [B, D] and W [K, D].
torch::Tensor times_transposed(const torch::Tensor& x_BD, const torch::Tensor& w_KD) { return x_BD.mm(w_KD.t()); }

void check_plan_vectors(const char* what, const torch::Tensor& x, int64_t dim) {
  require(x.dim() == 2 && x.size(1) == dim, "gaussian plan: ", what, " must be [B, ", dim, "]; got ", x.sizes());
}

void check_plan_time(double t) { require(t >= 0 && t <= 1, "gaussian plan: the time t = ", t, " (allowed: 0..1)"); }

}  // namespace

GaussianPlanPotential::GaussianPlanPotential(const GaussianPlanOptions& options) : options_(options) {
  const int64_t dim = options.dim, count = options.components;
  require(dim >= 1 && dim <= kMostPlanEntries, "gaussian plan: dim = ", dim, " (allowed: 1..", kMostPlanEntries, ")");
  require(count >= 1 && count <= kMostPlanEntries, "gaussian plan: components = ", count, " (allowed: 1..",
          kMostPlanEntries, ")");
  require(std::isfinite(options.epsilon) && options.epsilon > 0, "gaussian plan: epsilon = ", options.epsilon,
          " (allowed: > 0)");
  log_alpha_ = register_parameter("log_alpha", torch::zeros({count}));
  r_ = register_parameter("r", torch::randn({count, dim}));
  log_s_ = register_parameter("log_s", torch::zeros({count, dim}));
}

void GaussianPlanPotential::initialise(const torch::Tensor& x_ND, const torch::Tensor& y_MD) {
  check_plan_vectors("the source samples", x_ND, options_.dim);
  check_plan_vectors("the target samples", y_MD, options_.dim);
  require(x_ND.size(0) >= 2, "gaussian plan: ", x_ND.size(0), " source samples; it starts from at least 2");
  require(y_MD.size(0) >= std::max<int64_t>(options_.components, 2), "gaussian plan: ", y_MD.size(0),
          " target samples for ", options_.components, " components; give more samples or set fewer components");
  const at::NoGradGuard no_grad;
  const auto x = wide(x_ND), y = wide(y_MD);
  // Coordinates that do not vary would divide by zero; any s does for them.
  const auto p = x.var(0, false).clamp_min(1e-12), q = y.var(0, false).clamp_min(1e-12);
  const double eps = options_.epsilon;
  const auto s = 2 * q / ((eps * eps + 4 * p * q).sqrt() + eps);  // the formula of the header without its cancellation
  const auto y_KD = y.narrow(0, 0, options_.components);
  const auto x_KD = x.mean(0) + p * s / q * (y_KD - y.mean(0));
  const auto r_KD = y_KD - s * x_KD;
  const auto average_K = -r_KD.mv(x.mean(0)) / eps;  // S_k is the same for all k, so x'S_k x only adds a constant
  log_alpha_.copy_(average_K - average_K.mean());
  r_.copy_(r_KD);
  log_s_.copy_(s.log().expand_as(log_s_));
}

torch::Tensor GaussianPlanPotential::log_v(const torch::Tensor& y_BD) const {
  check_plan_vectors("y", y_BD, options_.dim);
  const double eps = options_.epsilon;
  const auto y = wide(y_BD), r = wide(r_), log_s = wide(log_s_), inverse = (-log_s).exp();
  // (y - r)' S^-1 (y - r) by three products, without a [B, K, D]
  const auto square_BK =
      times_transposed(y * y, inverse) - 2 * times_transposed(y, r * inverse) + (r * r * inverse).sum(1);
  const auto log_norm_K =
      -0.5 * (log_s.sum(1) + static_cast<double>(options_.dim) * std::log(2 * std::numbers::pi * eps));
  return torch::logsumexp(wide(log_alpha_) + log_norm_K - square_BK / (2 * eps), 1);
}

torch::Tensor GaussianPlanPotential::source_exponents(const torch::Tensor& x_BD) const {
  check_plan_vectors("x", x_BD, options_.dim);
  const auto x = wide(x_BD);
  const auto form_BK = times_transposed(x * x, wide(log_s_).exp()) + 2 * times_transposed(x, wide(r_));
  return wide(log_alpha_) + form_BK / (2 * options_.epsilon);
}

torch::Tensor GaussianPlanPotential::log_c(const torch::Tensor& x_BD) const {
  return torch::logsumexp(source_exponents(x_BD), 1);
}

torch::Tensor GaussianPlanPotential::forward(const torch::Tensor& y, const torch::Tensor& sigma) {
  require(!sigma.defined(), "gaussian plan: the potential takes no noise level");
  return (options_.epsilon * log_v(y)).to(y.scalar_type());
}

torch::Tensor GaussianPlanPotential::loss(const torch::Tensor& x_BD, const torch::Tensor& y_BD) const {
  require(x_BD.sizes() == y_BD.sizes(), "gaussian plan: x and y must have one shape; got ", x_BD.sizes(), " and ",
          y_BD.sizes());
  return (log_c(x_BD) - log_v(y_BD)).to(x_BD.scalar_type());
}

ConditionalMixture GaussianPlanPotential::conditional(const torch::Tensor& x_BD) const {
  const auto log_weights_BK = torch::log_softmax(source_exponents(x_BD), 1), s = wide(log_s_).exp();
  return {.log_weights_BK = log_weights_BK,
          .means_BKD = wide(r_) + s * wide(x_BD).unsqueeze(1),
          .variances_KD = options_.epsilon * s};
}

torch::Tensor GaussianPlanPotential::conditional_mean(const torch::Tensor& x_BD) const {
  const auto weights_BK = torch::softmax(source_exponents(x_BD), 1);
  const auto mean_BD = weights_BK.mm(wide(r_)) + weights_BK.mm(wide(log_s_).exp()) * wide(x_BD);
  return mean_BD.to(x_BD.scalar_type());
}

torch::Tensor GaussianPlanPotential::conditional_cost(const torch::Tensor& x_BD) const {
  const auto weights_BK = torch::softmax(source_exponents(x_BD), 1);
  const auto x = wide(x_BD), r = wide(r_), s = wide(log_s_).exp(), less = s - 1;
  // 1/2 ||r + (S - 1) x||^2 + 1/2 eps tr S
  const auto square_BK = times_transposed(x * x, less * less) + 2 * times_transposed(x, r * less) + (r * r).sum(1);
  return (0.5 * (weights_BK * (square_BK + options_.epsilon * s.sum(1))).sum(1)).to(x_BD.scalar_type());
}

torch::Tensor GaussianPlanPotential::log_density(const torch::Tensor& x_BD, const torch::Tensor& y_BD) const {
  require(x_BD.sizes() == y_BD.sizes(), "gaussian plan: x and y must have one shape; got ", x_BD.sizes(), " and ",
          y_BD.sizes());
  const auto inner_B = (wide(x_BD) * wide(y_BD)).sum(1) / options_.epsilon;
  return (inner_B + log_v(y_BD) - log_c(x_BD)).to(x_BD.scalar_type());
}

torch::Tensor GaussianPlanPotential::draw(const torch::Tensor& x_BD, const torch::Tensor& z_BD,
                                          const torch::Tensor& u_B) const {
  check_plan_vectors("x", x_BD, options_.dim);
  require(z_BD.sizes() == x_BD.sizes() && u_B.dim() == 1 && u_B.size(0) == x_BD.size(0),
          "gaussian plan: the noise must be ", x_BD.sizes(), " and [", x_BD.size(0), "]; got ", z_BD.sizes(), " and ",
          u_B.sizes());
  torch::Tensor component_B;
  {
    const at::NoGradGuard no_grad;
    const auto cumulative_BK = torch::softmax(source_exponents(x_BD), 1).cumsum(1);
    const auto level_B1 = (0.5 * torch::erfc(wide(u_B) * -std::numbers::sqrt2 / 2)).unsqueeze(1);
    // The last sum may be less than 1 by rounding, and the level may be 1.
    component_B = (cumulative_BK <= level_B1).sum(1).clamp_max(options_.components - 1);
  }
  const auto s_BD = log_s_.index_select(0, component_B).exp();
  const auto y_BD = r_.index_select(0, component_B) + s_BD * x_BD + (options_.epsilon * s_BD).sqrt() * z_BD;
  return y_BD.to(x_BD.scalar_type());
}

torch::Tensor GaussianPlanPotential::drift(const torch::Tensor& x_BD, double t) const {
  check_plan_vectors("x", x_BD, options_.dim);
  check_plan_time(t);
  const auto x = wide(x_BD), r = wide(r_), less = wide(log_s_).exp() - 1, d = 1 + t * less;
  const auto form_BK = times_transposed(x * x, less / d) + 2 * times_transposed(x, r / d) - (t * r * r / d).sum(1);
  const auto weights_BK = torch::softmax(wide(log_alpha_) + form_BK / (2 * options_.epsilon) - 0.5 * d.log().sum(1), 1);
  return (weights_BK.mm(r / d) + weights_BK.mm(less / d) * x).to(x_BD.scalar_type());
}

torch::Tensor bridge_point(const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& n, double t,
                           double epsilon) {
  check_plan_time(t);
  return (1 - t) * x + t * y + std::sqrt(epsilon * t * (1 - t)) * n;
}

GaussianPlanMap::GaussianPlanMap(std::shared_ptr<GaussianPlanPotential> potential)
    : potential_(register_module("potential", std::move(potential))) {}

torch::Tensor GaussianPlanMap::forward(const torch::Tensor& input) {
  const int64_t dim = potential_->options().dim;
  require(input.dim() == 2 && (input.size(1) == 2 * dim + 1 || input.size(1) == dim),
          "gaussian plan: the input must be [B, ", 2 * dim + 1, "] (the vector, ", dim,
          " normals for the draw and one for the component) or [B, ", dim, "] (the mean); got ", input.sizes());
  const auto x_BD = input.narrow(1, 0, dim);
  if (input.size(1) == dim) return potential_->conditional_mean(x_BD);
  return potential_->draw(x_BD, input.narrow(1, dim, dim), input.select(1, 2 * dim));
}

}  // namespace monge::nn
