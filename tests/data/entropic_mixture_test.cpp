// The pair of laws with a known entropic plan.
#include "monge/data/entropic_mixture.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/data/toys.h"

namespace monge::data {
namespace {

torch::Tensor normals(int64_t n, int64_t dim, int64_t step) {
  return torch::randn({n, dim}, RandomStreams(6).at("entropic", step), torch::kFloat64);
}

/// log pi(y|x), [N], of rows.
torch::Tensor log_density_of(const EntropicMixture& law, const torch::Tensor& x_ND, const torch::Tensor& y_ND) {
  const auto at_x = law.plan(x_ND);
  const auto apart = y_ND.unsqueeze(1) - at_x.means_NKD;
  const auto log_normal = -0.5 * (apart.square() / at_x.variances_KD + at_x.variances_KD.log()).sum(2) -
                          0.5 * static_cast<double>(x_ND.size(1)) * std::log(2 * M_PI);
  return torch::logsumexp(at_x.weights_NK.log() + log_normal, 1);
}

// An entropic plan has the density a(x) b(y) exp(x'y / epsilon): in the cross difference of logarithms a and b cancel.
TEST(EntropicMixture, PlanHasTheFormOfAnOptimalOne) {
  for (const double epsilon : {0.1, 1.0, 10.0}) {
    const EntropicMixture law("law", 3, epsilon);
    const auto x = normals(40, 3, 0), other_x = normals(40, 3, 1);
    const auto y = law.plan_draw(x, RandomStreams(6).at("draw", 0)),
               other_y = law.plan_draw(other_x, RandomStreams(6).at("draw", 1));
    const auto cross = log_density_of(law, x, y) + log_density_of(law, other_x, other_y) -
                       log_density_of(law, x, other_y) - log_density_of(law, other_x, y);
    const auto expected = ((x - other_x) * (y - other_y)).sum(1) / epsilon;
    EXPECT_TRUE(torch::allclose(cross, expected, 1e-8, 1e-8)) << epsilon;
  }
}

TEST(EntropicMixture, DrawsHaveTheMomentsOfThePlan) {
  const EntropicMixture law("law", 4, 1.0);
  const auto x = normals(1, 4, 2);
  const auto y = law.plan_draw(x.expand({40000, 4}), RandomStreams(6).at("many", 0));
  EXPECT_LT((y.mean(0) - law.plan(x).mean()[0]).abs().max().item<double>(), 0.05);
  const auto at_x = law.plan(x);
  const auto mean_square = (at_x.weights_NK.unsqueeze(2) * (at_x.means_NKD.square() + at_x.variances_KD)).sum(1)[0];
  EXPECT_LT((y.square().mean(0) / mean_square - 1).abs().max().item<double>(), 0.05);
}

// The law of draws is the mixture's image: each component has at least some of them, and a line opens the same law.
TEST(EntropicMixture, IsOpenedByItsLine) {
  const auto law = open_toy("toy:entropic_mixture?dim=2&epsilon=0.1");
  const auto again = open_toy("toy:entropic_mixture?dim=2&epsilon=0.1");
  const auto y = law->draw(5000, RandomStreams(1).at("y", 0));
  EXPECT_TRUE(torch::equal(y, again->draw(5000, RandomStreams(1).at("y", 0))));
  EXPECT_EQ(y.scalar_type(), torch::kFloat32);
  const auto at_x = dynamic_cast<const EntropicMixture&>(*law).plan(normals(20000, 2, 3));
  EXPECT_GT(at_x.weights_NK.mean(0).min().item<double>(), 0.02);
  EXPECT_THROW(open_toy("toy:entropic_mixture?epsilon=0"), InputError);
  EXPECT_THROW(law->items({0}), InputError);
}

}  // namespace
}  // namespace monge::data
