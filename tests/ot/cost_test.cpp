#include "monge/ot/cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/support.h"

namespace monge::ot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CostScale, KnowsItsWordsAndNumbers) {
  EXPECT_DOUBLE_EQ(cost_scale("mean", 3072), 1.0 / 3072);
  EXPECT_DOUBLE_EQ(cost_scale("half", 3072), 0.5);
  EXPECT_DOUBLE_EQ(cost_scale("5e-4", 3072), 5e-4);
}

TEST(CostScale, RefusesTheRestAndSaysWhatIsAllowed) {
  for (const char* bad : {"", "mena", "-1", "0", "nan", "inf", "1e-3x"}) {
    EXPECT_THAT(testing::message_of([&] { cost_scale(bad, 2); }), AllOf(HasSubstr("cost.scale"), HasSubstr("half")));
  }
}

TEST(SquaredCost, IsTheMeanSquaredErrorAtScaleMean) {
  const auto x = torch::randn({5, 3, 4, 4}), y = torch::randn({5, 3, 4, 4});
  const auto cost = squared_cost(x, y, cost_scale("mean", 48)).mean();
  EXPECT_NEAR(cost.item<double>(), torch::mse_loss(x, y).item<double>(), 1e-6);
}

// The estimate is unbiased: over many draws of Z = 2 its mean is the population value, which for y ~ N(m, s^2 I) in D
// dimensions is tau * ( ||x - m||^2 + D s^2 (1 - gamma) ).
TEST(WeakCost, IsUnbiasedForTwoDraws) {
  torch::manual_seed(1);
  const int64_t draws = 200'000, dim = 3;
  const double s = 0.7, gamma = 0.6;
  const auto x = torch::full({draws, dim}, 0.5, torch::kFloat64);
  const auto y = s * torch::randn({draws, 2, dim}, torch::kFloat64);  // m = 0
  const double expected = 0.5 * (dim * 0.25 + dim * s * s * (1 - gamma));
  EXPECT_NEAR(weak_cost(x, y, 0.5, gamma).mean().item<double>(), expected, 4e-3);  // three standard errors
}

// The public notebooks write the same cost as mean((x - mean_z y)^2) + mean var_z (1 - gamma - 1/Z).
TEST(WeakCost, EqualsTheNotebooksForm) {
  const auto x = torch::randn({6, 3, 8, 8}, torch::kFloat64), y = torch::randn({6, 4, 3, 8, 8}, torch::kFloat64);
  const auto notebook = torch::mse_loss(y.mean(1), x) + y.var(1, true).mean() * (1 - 0.33 - 0.25);
  EXPECT_NEAR(weak_cost(x, y, 1.0 / 192, 0.33).mean().item<double>(), notebook.item<double>(), 1e-12);
}

TEST(WeakCost, RefusesASingleDrawAndSaysWhatToSet) {
  const auto x = torch::zeros({4, 2}), y = torch::zeros({4, 1, 2});
  EXPECT_THAT(testing::message_of([&] { weak_cost(x, y, 0.5, 1.0); }), AllOf(HasSubstr("Z = 1"), HasSubstr("weak.z")));
}

// For Z = 2 the spread is one distance: C = |x - y1|/2 + |x - y2|/2 - gamma/2 |y1 - y2|.
TEST(KernelCost, MatchesTheFormulaByHand) {
  const auto x = torch::tensor({{0.0, 0.0}}, torch::kFloat64);
  const auto y = torch::tensor({{3.0, 4.0}, {-3.0, -4.0}}, torch::kFloat64).unsqueeze(0);
  EXPECT_NEAR(kernel_cost(x, y, 1.0, 0.5).item<double>(), 5.0 - 0.25 * 10.0, 1e-12);
  EXPECT_NEAR(kernel_cost(x, y, 0.25, 0.5).item<double>(), 0.5 * (5.0 - 0.25 * 10.0), 1e-12);
}

TEST(KernelCost, HasAFiniteGradientWherePointsCoincide) {
  const auto x = torch::zeros({2, 3});
  auto y = torch::zeros({2, 4, 3}).requires_grad_(true);
  kernel_cost(x, y, 1.0, 1.0).sum().backward();
  EXPECT_TRUE(torch::isfinite(y.grad()).all().item<bool>());
}

}  // namespace
}  // namespace monge::ot
