#include "monge/data/entropic_mixture.h"

#include <cmath>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/endless.h"

namespace monge::data {
namespace {

constexpr int64_t kParts = 5;
constexpr double kRadius = 5, kLeastDeviation = 0.5, kMostDeviation = 1.2, kConcentration = 5;
constexpr int64_t kBalanceSamples = 20'000, kBalanceSteps = 200;

}  // namespace

EntropicMixture::EntropicMixture(std::string name, int64_t dim, double epsilon)
    : name_(std::move(name)), epsilon_(epsilon) {
  const RandomStreams streams(0);
  const auto stream = [&](const char* purpose) { return streams.at(std::string("toy/entropic ") + purpose, dim); };
  m_ = torch::randn({kParts, dim}, stream("means"), torch::kFloat64);
  m_ = kRadius * m_ / m_.norm(2, {1}, /*keepdim=*/true);
  const auto deviations = torch::linspace(kLeastDeviation, kMostDeviation, dim, torch::kFloat64);
  const auto order = torch::rand({kParts, dim}, stream("order"), torch::kFloat64)
                         .argsort(/*stable=*/true, /*dim=*/1, /*descending=*/false);
  variances_ = deviations.square().index_select(0, order.flatten()).view({kParts, dim});
  const auto parts = at::_sample_dirichlet(torch::full({kParts}, kConcentration, torch::kFloat64), stream("parts"));
  // The weights that give the components these parts of all draws, by a fixed-point iteration on samples.
  log_weights_ = torch::zeros({kParts}, torch::kFloat64);
  const auto unweighted = exponents(torch::randn({kBalanceSamples, dim}, stream("balance"), torch::kFloat64));
  log_weights_ = parts.log();
  for (int64_t k = 0; k < kBalanceSteps; ++k)
    log_weights_ = log_weights_ + 0.5 * (parts / torch::softmax(unweighted + log_weights_, 1).mean(0)).log();
}

torch::Tensor EntropicMixture::exponents(const torch::Tensor& x_ND) const {
  const auto x = x_ND.to(torch::kFloat64), inverse = 1 / (variances_ + epsilon_);
  const auto squares_NK = x.square().mm(inverse.t()) - 2 * x.mm((m_ * inverse).t()) + (m_.square() * inverse).sum(1);
  return log_weights_ - 0.5 * squares_NK + 0.5 * inverse.log().sum(1);
}

PlanAtInputs EntropicMixture::plan(const torch::Tensor& x_ND) const {
  const auto x = x_ND.to(torch::kFloat64), variances_KD = 1 / (1 / variances_ + 1 / epsilon_);
  return {.weights_NK = torch::softmax(exponents(x), 1),
          .means_NKD = variances_KD * (x.unsqueeze(1) / epsilon_ + m_ / variances_),
          .variances_KD = variances_KD};
}

torch::Tensor PlanAtInputs::mean() const { return (weights_NK.unsqueeze(2) * means_NKD).sum(1); }

torch::Tensor EntropicMixture::plan_draw(const torch::Tensor& x_ND, torch::Generator generator) const {
  const auto at_x = plan(x_ND);
  const auto component_N1 = torch::multinomial(at_x.weights_NK, 1, /*replacement=*/true, generator);
  const auto index = component_N1.unsqueeze(2).expand({-1, 1, m_.size(1)});
  const auto mean = at_x.means_NKD.gather(1, index).squeeze(1);
  const auto deviation = at_x.variances_KD.sqrt().index_select(0, component_N1.squeeze(1));
  return mean + deviation * torch::randn(mean.sizes(), generator, torch::kFloat64);
}

torch::Tensor EntropicMixture::stored_items(const std::vector<int64_t>&) const { refuse_items(name_); }

torch::Tensor EntropicMixture::draw(int64_t n, torch::Generator generator) const {
  require(n >= 0, name_, ": cannot draw ", n, " items");
  if (n == 0) return torch::empty({0, m_.size(1)});
  const auto x = torch::randn({n, m_.size(1)}, generator, torch::kFloat64);
  return plan_draw(x, generator).to(torch::kFloat32);
}

}  // namespace monge::data
