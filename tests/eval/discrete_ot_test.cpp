#include "monge/eval/discrete_ot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "monge/core/random.h"
#include "monge/data/toys.h"
#include "monge/eval/push_forward_error.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const RandomStreams streams(8);

torch::Tensor sample(std::vector<int64_t> shape, int64_t stream) {
  return torch::randn(shape, streams.at("sample", stream), torch::kFloat64);
}

torch::Tensor uniform_weights(int64_t n) { return torch::full({n}, 1.0 / static_cast<double>(n), torch::kFloat64); }

/// The plan has the marginals, and its potentials prove that no plan is cheaper. Strong duality is the definition of
/// optimality, so this needs no other solver.
void expect_optimal(const DiscretePlan& plan, const torch::Tensor& cost_NM, const torch::Tensor& a_N,
                    const torch::Tensor& b_M) {
  const double scale = cost_NM.abs().max().item<double>();
  const double rounding = scale * 1e-13;  // 2^-44 of the largest cost is 6e-14
  const int64_t n = cost_NM.size(0), m = cost_NM.size(1);
  EXPECT_LE(plan.mass.size(0), n + m - 1);
  EXPECT_GT(plan.mass.min().item<double>(), 0);
  EXPECT_LE((torch::zeros({n}, torch::kFloat64).index_add(0, plan.i, plan.mass) - a_N).abs().max().item<double>(),
            2e-15);
  EXPECT_LE((torch::zeros({m}, torch::kFloat64).index_add(0, plan.j, plan.mass) - b_M).abs().max().item<double>(),
            2e-15);
  const auto met = cost_NM.index({plan.i, plan.j});
  EXPECT_NEAR((met * plan.mass).sum().item<double>(), plan.cost, rounding);
  EXPECT_GE((cost_NM - plan.u_N.unsqueeze(1) - plan.v_M).min().item<double>(), -rounding);
  const double dual = (plan.u_N * a_N).sum().item<double>() + (plan.v_M * b_M).sum().item<double>();
  EXPECT_NEAR(dual, plan.cost, 2 * rounding);
}

TEST(ExactPlan, IsTheBestPermutation) {
  for (int64_t run = 0; run < 5; ++run) {
    const auto cost = sample({6, 6}, run);  // negative costs, too
    std::array<int64_t, 6> order{};
    std::iota(order.begin(), order.end(), 0);
    double best = 1e9;
    do {
      double sum = 0;
      for (int64_t i = 0; i < 6; ++i) sum += cost[i][order[static_cast<size_t>(i)]].item<double>();
      best = std::min(best, sum / 6);
    } while (std::next_permutation(order.begin(), order.end()));
    const auto plan = exact_plan(cost);
    EXPECT_NEAR(plan.cost, best, 1e-12);
    EXPECT_EQ(plan.mass.size(0), 6);
    expect_optimal(plan, cost, uniform_weights(6), uniform_weights(6));
  }
}

TEST(ExactPlan, PairsALineInOrder) {
  const auto x = sample({200, 1}, 10), y = sample({200, 1}, 11) * 2 + 1;
  const auto plan = exact_plan(squared_distances(x, y));
  const auto ranks = [](const torch::Tensor& points) { return points.flatten().argsort().argsort(); };
  EXPECT_TRUE(torch::equal(ranks(x).index({plan.i}), ranks(y).index({plan.j})));
}

TEST(ExactPlan, TakesSetsOfUnequalSize) {
  const std::array<std::pair<int64_t, int64_t>, 4> sizes{{{60, 45}, {31, 64}, {1, 7}, {7, 1}}};
  for (const auto& [n, m] : sizes) {
    const auto cost = squared_distances(sample({n, 3}, 20 + n), sample({m, 3}, 90 + m));
    expect_optimal(exact_plan(cost), cost, uniform_weights(n), uniform_weights(m));
  }
}

TEST(ExactPlan, TakesWeights) {
  const auto cost = squared_distances(sample({40, 2}, 30), sample({25, 2}, 31));
  auto a = torch::rand({40}, streams.at("a", 0), torch::kFloat64);
  a[3] = 0;
  a /= a.sum();
  auto b = torch::rand({25}, streams.at("b", 0), torch::kFloat64);
  b /= b.sum();
  const auto plan = exact_plan(cost, a, b);
  expect_optimal(plan, cost, a, b);
  EXPECT_FALSE(plan.i.eq(3).any().item<bool>());
  expect_optimal(exact_plan(cost, {}, b), cost, uniform_weights(40), b);
  // By hand: three quarters of the mass move by 1, one quarter stays.
  const auto small =
      exact_plan(torch::tensor({{0.0, 1.0}, {1.0, 0.0}}), torch::tensor({1.0, 0.0}), torch::tensor({.25, .75}));
  EXPECT_DOUBLE_EQ(small.cost, 0.75);
  EXPECT_TRUE(torch::equal(small.j, torch::tensor({0, 1})));
}

TEST(ExactPlan, OfManyEqualCostsEnds) {
  const auto flat = torch::full({50, 70}, 2.5, torch::kFloat64);
  EXPECT_NEAR(exact_plan(flat).cost, 2.5, 1e-13);
  EXPECT_EQ(exact_plan(torch::zeros({5, 5})).cost, 0);
  // Every coupling of perpendicular sets is optimal; rounding makes all of them nearly so.
  const auto x = sample({300}, 40), y = sample({300}, 41);
  const double expected = x.square().mean().item<double>() + y.square().mean().item<double>();
  EXPECT_NEAR(exact_plan(x.square().unsqueeze(1) + y.square()).cost, expected, 1e-11);
}

TEST(ExactPlan, ProvesItselfOnManyPoints) {
  const auto cost = squared_distances(sample({700, 8}, 50), sample({500, 8}, 51) + 3);
  expect_optimal(exact_plan(cost), cost, uniform_weights(700), uniform_weights(500));
}

TEST(ExactPlan, SaysWhatItCannotUse) {
  EXPECT_THAT(message_of([] { exact_plan(torch::zeros({4097, 1})); }),
              AllOf(HasSubstr("4097 source points"), HasSubstr("1 to 4096"), HasSubstr("use a random subset")));
  EXPECT_THAT(message_of([] { exact_plan(torch::zeros({3, 0})); }), HasSubstr("0 target points"));
  EXPECT_THAT(message_of([] { exact_plan(torch::zeros({3})); }), HasSubstr("[3]"));
  const auto cost = torch::ones({2, 2});
  EXPECT_THAT(message_of([&] { exact_plan(cost * NAN); }), HasSubstr("costs are not finite"));
  EXPECT_THAT(message_of([&] { exact_plan(cost * INFINITY); }), HasSubstr("costs are not finite"));
  const auto half = torch::tensor({0.5, 0.5});
  EXPECT_THAT(message_of([&] { exact_plan(cost, half, half * 1.01); }),
              AllOf(HasSubstr("target weights have the sum 1.01"), HasSubstr("divide")));
  EXPECT_THAT(message_of([&] { exact_plan(cost, torch::tensor({1.5, -0.5})); }),
              HasSubstr("source weights must be finite"));
  EXPECT_THAT(message_of([&] { exact_plan(cost, half * NAN); }), HasSubstr("source weights must be finite"));
  EXPECT_THAT(message_of([&] { exact_plan(cost, torch::ones({3}) / 3); }), HasSubstr("must be [2]; got [3]"));
}

TEST(ExactW2, OfALineIsTheDistanceOfItsQuantiles) {
  // sliced_wasserstein in one dimension sorts; it is tested with values computed by hand.
  const auto x = sample({100, 1}, 60), y = sample({73, 1}, 61) * 0.5;
  EXPECT_NEAR(exact_w2_squared(x, y), sliced_wasserstein(x, y, 1), 1e-11);
}

TEST(ExactW2, OfAShiftAndOfImages) {
  const auto images = sample({30, 3, 4, 4}, 70).to(torch::kFloat32);
  EXPECT_NEAR(exact_w2_squared(images, images + 0.5), 48 * 0.25, 1e-5);  // float32 sums
  EXPECT_NEAR(exact_w2_squared(images, images.flip(0)), 0, 1e-12);
  EXPECT_THAT(message_of([&] { exact_w2_squared(images, images.flatten(1)); }),
              AllOf(HasSubstr("[30, 3, 4, 4]"), HasSubstr("[30, 48]")));
  EXPECT_THAT(message_of([&] { exact_w2_squared(torch::zeros({5000, 1}), torch::zeros({5, 1})); }),
              HasSubstr("5000 source points"));
}

TEST(ExactW2, OfTheToyPairsIsWhatTheyState) {
  const std::array<std::pair<const char*, double>, 5> pairs{{{"toy:perpendicular?dim=6", 2},
                                                             {"toy:one_to_many?dim=2", 1},
                                                             {"toy:parallel?dim=2", 1},
                                                             {"toy:multi_perpendicular?count=2", 1.25 / 3},
                                                             {"toy:multi_perpendicular?count=4", 1.0625 / 3}}};
  for (const auto& [line, expected] : pairs) {
    const auto x = data::open_toy(line)->draw(1500, streams.at("toy source", 0));
    const auto y = data::open_toy(std::string(line) + "&side=target")->draw(1500, streams.at("toy target", 0));
    // The second moments of perpendicular's six entries scatter by 0.3 sqrt(6 / 1500) = 0.019; the others' by less.
    EXPECT_NEAR(exact_w2_squared(x, y), expected, 0.06) << line;
  }
}

}  // namespace
}  // namespace monge::eval
