// The conjugates of unbalanced transport, its loss, and the ramp of its weight.
#include "monge/ot/unbalanced.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include <cmath>
#include <functional>

#include "monge/core/error.h"
#include "monge/core/random.h"

namespace monge::ot {
namespace {

using ::testing::HasSubstr;

double xlogx(double x) { return x > 0 ? x * std::log(x) : 0; }

/// The penalties Psi(s) themselves, s >= 0.
const std::vector<std::pair<Divergence, std::function<double(double)>>>& penalties() {
  static const std::vector<std::pair<Divergence, std::function<double(double)>>> all{
      {Divergence::kl, [](double s) { return xlogx(s) - s + 1; }},
      {Divergence::softplus, [](double s) { return s > 2 ? INFINITY : xlogx(s) + xlogx(2 - s); }},
      {Divergence::chi2, [](double s) { return (s - 1) * (s - 1); }}};
  return all;
}

// sup_s s u - Psi(s), by a search over s.
TEST(Unbalanced, ConjugatesAreThoseOfThePenalties) {
  const auto u = torch::tensor({-5.0, -2.0, -0.7, 0.0, 0.4, 1.5}, torch::kFloat64);
  for (const auto& [divergence, penalty] : penalties()) {
    for (const double alpha : {1.0, 3.0}) {
      const auto found = conjugate(divergence, u, alpha), density = marginal_density(divergence, u, alpha);
      for (int64_t i = 0; i < u.numel(); ++i) {
        const double slope = u[i].item<double>();
        double best = -INFINITY, at = 0;
        for (double s = 0; s <= 8; s += 1e-4) {
          const double value = s * slope - alpha * penalty(s);
          if (value > best) best = value, at = s;
        }
        EXPECT_NEAR(found[i].item<double>(), best, 1e-6) << slope;
        EXPECT_NEAR(density[i].item<double>(), at, 2e-4) << slope;
      }
    }
  }
}

TEST(Unbalanced, DensitiesAreDerivativesAndOneAtZero) {
  for (const auto& name : divergences().names()) {
    const auto divergence = divergences().at(name, "");
    auto u = torch::linspace(-3.9, 2, 50, torch::kFloat64).requires_grad_(true);
    const auto slope = torch::autograd::grad({conjugate(divergence, u, 1.7).sum()}, {u})[0];
    EXPECT_TRUE(torch::allclose(slope, marginal_density(divergence, u.detach(), 1.7), 1e-10, 1e-12)) << name;
    const auto zero = torch::zeros({1}, torch::kFloat64);
    EXPECT_EQ(conjugate(divergence, zero, 2.0).item<double>(), 0) << name;
    EXPECT_EQ(marginal_density(divergence, zero, 2.0).item<double>(), 1) << name;
  }
}

TEST(Unbalanced, LossIsThePlainOneForFixedMarginalsAndForALargeAlpha) {
  const auto draw = [](int64_t step) { return torch::randn({64}, RandomStreams(2).at("u", step)).to(torch::kFloat64); };
  const auto fake = draw(0), cost = draw(1).square(), real = draw(2);
  const double plain = (fake.mean() - cost.mean() - real.mean()).item<double>();
  EXPECT_NEAR(unbalanced_loss({}, fake, cost, real, 1.0).item<double>(), plain, 1e-12);
  for (const auto& [divergence, penalty] : penalties()) {
    const auto loss = [&](double alpha) {
      return unbalanced_loss({divergence, divergence}, fake, cost, real, alpha).item<double>();
    };
    EXPECT_NEAR(loss(1e6), plain, 1e-4);
    EXPECT_GT(std::abs(loss(0.5) - plain), 0.1);
  }
  const HostOrDeviceScalar held(0.5, torch::tensor(0.5, torch::kFloat64));
  const Marginals one{Divergence::kl, Divergence::none};
  EXPECT_EQ(unbalanced_loss(one, fake, cost, real, held).item<double>(),
            unbalanced_loss(one, fake, cost, real, 0.5).item<double>());
  EXPECT_EQ(one.reversed().target, Divergence::kl);
}

TEST(Unbalanced, AlphaRisesGeometrically) {
  UnbalancedOptions options{.source = "kl", .alpha = 5, .alpha_start = 0.2, .alpha_iters = 100};
  EXPECT_DOUBLE_EQ(options.alpha_at(0), 0.2);
  EXPECT_NEAR(options.alpha_at(50), 1.0, 1e-12);
  EXPECT_DOUBLE_EQ(options.alpha_at(100), 5);
  EXPECT_DOUBLE_EQ(options.alpha_at(1000), 5);
  options.check();
  options.alpha_iters = 0;
  try {
    options.check();
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("unbalanced.alpha_iters"));
  }
  options = {.source = "kl", .alpha = 2, .alpha_iters = 10};
  EXPECT_THROW(options.check(), InputError);
  EXPECT_THROW(UnbalancedOptions{.alpha = 2}.check(), InputError);  // no effect
  EXPECT_DOUBLE_EQ(UnbalancedOptions{.alpha = 2}.alpha_at(0), 2);
}

}  // namespace
}  // namespace monge::ot
