#include "monge/nn/gaussian_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::message_of;
using monge::testing::relative_error;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kWide = torch::kFloat64;

void set_parameters(GaussianPlanPotential& plan, const torch::Tensor& log_alpha, const torch::Tensor& r,
                    const torch::Tensor& s) {
  const at::NoGradGuard no_grad;
  auto named = plan.named_parameters();
  named["log_alpha"].copy_(log_alpha);
  named["r"].copy_(r);
  named["log_s"].copy_(s.log());
}

/// Three components on a line, float64.
std::shared_ptr<GaussianPlanPotential> plan_on_a_line(double epsilon) {
  auto plan =
      std::make_shared<GaussianPlanPotential>(GaussianPlanOptions{.dim = 1, .components = 3, .epsilon = epsilon});
  to_type(*plan, kWide);
  set_parameters(*plan, torch::tensor({0.3, -0.2, 0.1}, kWide), torch::tensor({{-1.0}, {0.2}, {1.5}}, kWide),
                 torch::tensor({{0.4}, {0.9}, {1.3}}, kWide));
  return plan;
}

/// Several components with unlike covariances.
std::shared_ptr<GaussianPlanPotential> some_plan(int64_t dim, int64_t components, double epsilon) {
  torch::manual_seed(5);
  auto plan = std::make_shared<GaussianPlanPotential>(
      GaussianPlanOptions{.dim = dim, .components = components, .epsilon = epsilon});
  set_parameters(*plan, 0.3 * torch::randn({components}), torch::randn({components, dim}),
                 (0.3 * torch::randn({components, dim}) - 0.5).exp());
  return plan;
}

/// The integral over the line by the trapezoidal rule, whose error is far below 1e-9 for these smooth densities.
double integral(const std::function<torch::Tensor(const torch::Tensor& y_B1)>& function_B) {
  const int64_t steps = 40'000;
  const double reach = 60;
  const auto y = torch::linspace(-reach, reach, steps + 1, kWide).unsqueeze(1);
  return function_B(y).sum().item<double>() * (2 * reach / steps);
}

torch::Tensor line_like(const torch::Tensor& y, double value) { return torch::full_like(y, value); }

TEST(GaussianPlan, OfOneComponentIsTheEntropicPlanBetweenGaussians) {
  const double eps = 0.7;
  torch::manual_seed(1);
  // Samples with exactly the moments m, p and n, q in each coordinate.
  const auto exact = [](const torch::Tensor& mean, const torch::Tensor& variance) {
    auto z = torch::randn({500, 2}, kWide);
    z = (z - z.mean(0)) / z.var(0, false).sqrt();
    return mean + variance.sqrt() * z;
  };
  const auto m = torch::tensor({0.5, -1.0}, kWide), p = torch::tensor({1.0, 4.0}, kWide);
  const auto n = torch::tensor({2.0, 0.0}, kWide), q = torch::tensor({2.0, 0.3}, kWide);
  const auto x = exact(m, p), y = exact(n, q);
  GaussianPlanPotential plan({.dim = 2, .components = 1, .epsilon = eps});
  to_type(plan, kWide);

  // The joint law of the optimal plan: a Gaussian of covariance c between x and y.
  const auto c = 0.5 * ((eps * eps + 4 * p * q).sqrt() - eps);
  set_parameters(plan, torch::zeros({1}), (n - c / p * m).unsqueeze(0), (c / p).unsqueeze(0));
  const auto mean = n + c / p * (x - m), variance = q - c * c / p;
  EXPECT_LT(relative_error(plan.conditional_mean(x), mean), 1e-12);
  EXPECT_LT(relative_error(plan.conditional(x).variances_KD, variance.unsqueeze(0)), 1e-12);
  const auto expected = -0.5 * ((y - mean).square() / variance + (2 * std::numbers::pi * variance).log()).sum(1);
  EXPECT_LT(relative_error(plan.log_density(x, y), expected), 1e-12);

  // It minimises the loss.
  plan.loss(x, y).mean().backward();
  for (const auto& parameter : plan.parameters()) EXPECT_LT(parameter.grad().abs().max().item<double>(), 1e-12);
}

TEST(GaussianPlan, AgreesWithQuadratureOnALine) {
  for (const double eps : {0.1, 1.0, 10.0}) {
    const auto plan = plan_on_a_line(eps);
    for (const double x : {-1.3, 0.4}) {
      const auto at = torch::full({1, 1}, x, kWide);
      const auto density = [&](const torch::Tensor& y) { return plan->log_density(line_like(y, x), y).exp(); };
      EXPECT_NEAR(integral(density), 1, 1e-9);
      EXPECT_NEAR(integral([&](const auto& y) { return density(y) * y.squeeze(1); }),
                  plan->conditional_mean(at).item<double>(), 1e-8);
      EXPECT_NEAR(integral([&](const auto& y) { return density(y) * 0.5 * (y.squeeze(1) - x).square(); }),
                  plan->conditional_cost(at).item<double>(), 1e-7);
      const double log_c = plan->log_c(at).item<double>();
      EXPECT_NEAR(integral([&](const auto& y) { return (x * y.squeeze(1) / eps + plan->log_v(y) - log_c).exp(); }), 1,
                  1e-9);
    }
    EXPECT_NEAR(integral([&](const auto& y) { return plan->log_v(y).exp(); }) /
                    plan->parameters()[0].exp().sum().item<double>(),
                1, 1e-9);
    const auto y = torch::tensor({{0.3}, {-2.0}}, kWide);
    EXPECT_LT(relative_error(plan->forward(y), eps * plan->log_v(y)), 1e-14);
  }
}

TEST(GaussianPlan, ConditionalMixtureIsItsDensity) {
  const auto plan = some_plan(3, 4, 0.5);
  to_type(*plan, kWide);
  const auto x = torch::randn({6, 3}, kWide), y = torch::randn({6, 3}, kWide);
  const auto mixture = plan->conditional(x);
  EXPECT_LT(relative_error(mixture.log_weights_BK.exp().sum(1), torch::ones({6}, kWide)), 1e-14);
  const auto square = (y.unsqueeze(1) - mixture.means_BKD).square() / mixture.variances_KD;
  const auto terms = -0.5 * (square + (2 * std::numbers::pi * mixture.variances_KD).log()).sum(2);
  EXPECT_LT(relative_error(plan->log_density(x, y), torch::logsumexp(mixture.log_weights_BK + terms, 1)), 1e-12);
}

TEST(GaussianPlan, DrawsHaveTheConditionalMeanAndCost) {
  const auto plan = some_plan(3, 4, 0.5);
  const at::NoGradGuard no_grad;
  GaussianPlanMap map(plan);
  const int64_t count = 200'000;
  const auto point = torch::randn({1, 3});
  const auto x = point.expand({count, 3});
  const auto y = map.forward(torch::cat({x, torch::randn({count, 4})}, 1));
  // Five standard errors.
  const double bound = 5 / std::sqrt(static_cast<double>(count));
  const auto apart = (y.mean(0) - plan->conditional_mean(point).squeeze(0)).abs() / y.std(0);
  EXPECT_LT(apart.max().item<double>(), bound);
  const auto cost = 0.5 * (y - x).square().sum(1);
  EXPECT_NEAR(cost.mean().item<double>(), plan->conditional_cost(point).item<double>(),
              bound * cost.std().item<double>());
  // The choice follows the cumulative weights: at z = 0 a draw is the mean of its component.
  const auto weights = plan->conditional(point).log_weights_BK.exp().squeeze(0).cumsum(0);
  for (int64_t k = 0; k + 1 < 4; ++k) {
    const auto level = weights[k].item<double>();
    const auto u =
        torch::erfinv(torch::tensor({2 * (level - 1e-4) - 1, 2 * (level + 1e-4) - 1}, kWide)) * std::numbers::sqrt2;
    const auto means = plan->conditional(point).means_BKD.squeeze(0);
    const auto got = plan->draw(point.expand({2, 3}), torch::zeros({2, 3}), u.to(torch::kFloat32));
    EXPECT_LT(relative_error(got[0], means[k]), 1e-5);
    EXPECT_LT(relative_error(got[1], means[k + 1]), 1e-5);
  }
  const auto extreme = plan->draw(point, torch::zeros({1, 3}), torch::full({1}, 40.0F));
  EXPECT_LT(relative_error(extreme, plan->conditional(point).means_BKD.select(1, 3)), 1e-5);
}

TEST(GaussianPlan, GradientsAgreeWithDifferences) {
  const auto plan = some_plan(2, 3, 0.4);
  to_type(*plan, kWide);
  const auto x = torch::randn({7, 2}, kWide), y = torch::randn({7, 2}, kWide);
  const auto value = [&] {
    return plan->loss(x, y).mean() + plan->conditional_cost(x).mean() + plan->log_density(x, y).mean() +
           0.1 * plan->drift(x, 0.3).sin().sum() + plan->conditional_mean(x).cos().mean();
  };
  value().backward();
  for (const auto& named : plan->named_parameters()) {
    const auto gradient = named.value().grad().view(-1);
    const at::NoGradGuard no_grad;
    const auto entries = named.value().view(-1);
    for (int64_t i = 0; i < entries.numel(); ++i) {
      const double step = 1e-5;
      entries[i] += step;
      const double above = value().item<double>();
      entries[i] -= 2 * step;
      const double below = value().item<double>();
      entries[i] += step;
      EXPECT_NEAR(gradient[i].item<double>(), (above - below) / (2 * step), 1e-7) << named.key() << " " << i;
    }
  }
}

TEST(GaussianPlan, DriftLeadsToTheConditionalMean) {
  const double eps = 0.8;
  const auto plan = plan_on_a_line(eps);
  for (const double x : {-0.9, 0.6}) {
    const auto at = torch::full({1, 1}, x, kWide);
    for (const double t : {0.0, 0.3, 0.9}) {
      // The law of X_1 given X_t = x has the density exp(y^2 / (2 eps)) v(y) N(y | x, (1 - t) eps), up to a factor.
      const auto density = [&](const torch::Tensor& y_B1) {
        const auto y = y_B1.squeeze(1);
        return (plan->log_v(y_B1) + y.square() / (2 * eps) - (y - x).square() / (2 * eps * (1 - t))).exp();
      };
      const double mean = integral([&](const auto& y) { return density(y) * y.squeeze(1); }) / integral(density);
      EXPECT_NEAR(plan->drift(at, t).item<double>(), (mean - x) / (1 - t), 1e-7) << t;
    }
    EXPECT_NEAR(plan->drift(at, 0).item<double>(), plan->conditional_mean(at).item<double>() - x, 1e-12);
    // At the end it is eps times the gradient of log v(x) + x^2 / (2 eps).
    const double step = 1e-5;
    const double slope = (plan->log_v(at + step) - plan->log_v(at - step)).item<double>() / (2 * step);
    EXPECT_NEAR(plan->drift(at, 1).item<double>(), eps * slope + x, 1e-7);
  }
}

TEST(GaussianPlan, BridgeOfDrawsAndItsEquationHaveOneLaw) {
  const double eps = 0.8, t = 0.5;
  const auto plan = plan_on_a_line(eps);
  torch::manual_seed(3);
  const at::NoGradGuard no_grad;
  const int64_t count = 40'000, steps = 50;
  const auto start = torch::randn({count, 1}, kWide);
  auto x = start.clone();
  for (int64_t i = 0; i < steps; ++i) {
    const double step = t / steps;
    x += step * plan->drift(x, static_cast<double>(i) * step) + std::sqrt(eps * step) * torch::randn_like(x);
  }
  const auto y = plan->draw(start, torch::randn_like(start), torch::randn({count}, kWide));
  const auto bridge = bridge_point(start, y, torch::randn_like(start), t, eps);
  // Monte Carlo errors are near 0.008; the Euler scheme adds about a step, 0.01, of the drift's change.
  EXPECT_NEAR(x.mean().item<double>(), bridge.mean().item<double>(), 0.03);
  EXPECT_NEAR(x.var().item<double>(), bridge.var().item<double>(), 0.06);
  EXPECT_NEAR((x * start).mean().item<double>(), (bridge * start).mean().item<double>(), 0.04);
}

TEST(GaussianPlan, IsExactInFloat32) {
  for (const double eps : {0.01, 0.1, 1.0, 10.0}) {
    const auto narrow = some_plan(64, 5, eps), exact = some_plan(64, 5, eps);
    to_type(*exact, kWide);
    torch::manual_seed(9);
    const auto x = torch::randn({20, 64}), y = torch::randn({20, 64});
    const auto x_wide = x.to(kWide), y_wide = y.to(kWide);
    EXPECT_LT(relative_error(narrow->loss(x, y), exact->loss(x_wide, y_wide)), 1e-6) << eps;
    EXPECT_LT(relative_error(narrow->log_density(x, y), exact->log_density(x_wide, y_wide)), 1e-6) << eps;
    EXPECT_LT(relative_error(narrow->conditional_mean(x), exact->conditional_mean(x_wide)), 1e-6) << eps;
    for (const double t : {0.0, 0.5, 1.0})
      EXPECT_LT(relative_error(narrow->drift(x, t), exact->drift(x_wide, t)), 1e-6) << eps;
    narrow->loss(x, y).mean().backward();
    exact->loss(x_wide, y_wide).mean().backward();
    for (size_t i = 0; i < narrow->parameters().size(); ++i) {
      EXPECT_LT(relative_error(narrow->parameters()[i].grad(), exact->parameters()[i].grad()), 1e-5) << eps;
      EXPECT_EQ(narrow->parameters()[i].grad().scalar_type(), torch::kFloat32);
    }
    // Far from all components nothing overflows.
    EXPECT_TRUE(torch::isfinite(narrow->loss(100 * x, 100 * y)).all().item<bool>()) << eps;
  }
}

TEST(GaussianPlan, StartsFromSamples) {
  torch::manual_seed(2);
  const double eps = 0.5;
  const auto x = 2 * torch::randn({4000, 3}) + 1, y = torch::randn({4000, 3}) - 2;
  GaussianPlanPotential plan({.dim = 3, .components = 4, .epsilon = eps});
  plan.initialise(x, y);
  const auto mixture = plan.conditional(x);
  // The variances are those of the plan between Gaussians, so draws have about the target's variance or more.
  const auto c = 0.5 * (std::sqrt(eps * eps + 4 * 4 * 1) - eps);
  EXPECT_LT(relative_error(mixture.variances_KD, torch::full({4, 3}, eps * c / 4, kWide)), 0.1);
  // The plan carries E[x | y_k] to y_k.
  const auto back = x.mean(0) + (y.narrow(0, 0, 4) - y.mean(0)) * c;
  const auto forward = plan.conditional(back).means_BKD;
  for (int64_t k = 0; k < 4; ++k) EXPECT_LT(relative_error(forward[k][k], y[k]), 0.1);
  // The exponents of c are equal for the average input.
  const auto exponents = mixture.log_weights_BK + plan.log_c(x).unsqueeze(1);
  const auto average = exponents.mean(0);
  EXPECT_LT((average - average[0]).abs().max().item<double>(), 1e-4);
}

TEST(GaussianPlan, MapSharesTheParametersOfItsPotential) {
  const auto plan = some_plan(2, 3, 1.0);
  GaussianPlanMap map(plan);
  std::vector<std::string> keys;
  for (const auto& [key, tensor] : state_dict(map)) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"potential.log_alpha", "potential.r", "potential.log_s"}));
  EXPECT_TRUE(map.parameters()[1].is_same(plan->parameters()[1]));
  const auto input = torch::randn({5, 5});
  EXPECT_TRUE(torch::equal(map.forward(input), map.forward(input)));
  EXPECT_TRUE(torch::equal(map.forward(input.narrow(1, 0, 2)), plan->conditional_mean(input.narrow(1, 0, 2))));
}

TEST(GaussianPlan, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of([] { GaussianPlanPotential({.dim = 0}); }), HasSubstr("dim = 0 (allowed: 1..65536)"));
  EXPECT_THAT(message_of([] { GaussianPlanPotential({.components = 0}); }), HasSubstr("components = 0"));
  EXPECT_THAT(message_of([] { GaussianPlanPotential({.epsilon = -1}); }), HasSubstr("epsilon = -1 (allowed: > 0)"));
  const auto plan = some_plan(2, 3, 1.0);
  const auto y = torch::zeros({4, 2});
  EXPECT_THAT(message_of([&] { plan->forward(torch::zeros({4, 3})); }),
              AllOf(HasSubstr("[B, 2]"), HasSubstr("[4, 3]")));
  EXPECT_THAT(message_of([&] { plan->forward(y, torch::ones({4})); }), HasSubstr("no noise level"));
  EXPECT_THAT(message_of([&] { plan->drift(y, 1.5); }), HasSubstr("t = 1.5 (allowed: 0..1)"));
  EXPECT_THAT(message_of([&] { plan->initialise(y, y.narrow(0, 0, 2)); }),
              HasSubstr("2 target samples for 3 components"));
  EXPECT_THAT(message_of([&] { plan->loss(y, y.narrow(0, 0, 2)); }), HasSubstr("one shape"));
  EXPECT_THAT(message_of([&] { plan->draw(y, y, torch::zeros({3})); }), HasSubstr("the noise must be"));
  EXPECT_THAT(message_of([&] { GaussianPlanMap(plan).forward(torch::zeros({4, 4})); }), HasSubstr("[B, 5]"));
}

}  // namespace
}  // namespace monge::nn
