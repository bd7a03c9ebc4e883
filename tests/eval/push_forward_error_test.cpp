#include "monge/eval/push_forward_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

torch::Tensor column(std::vector<double> values) { return torch::tensor(values, torch::kFloat64).unsqueeze(1); }

TEST(EnergyDistance, IsAsByHand) {
  const auto a = column({0, 1}), b = column({0, 3, 5});
  const double between = (0 + 3 + 5 + 1 + 2 + 4) / 6.0;
  EXPECT_DOUBLE_EQ(energy_distance(a, b), 2 * between - 2 / 4.0 - 20 / 9.0);
  EXPECT_DOUBLE_EQ(energy_distance(a, b, Pairs::distinct), 2 * between - 2 / 2.0 - 20 / 6.0);
}

// As 0 it would be the best of all distances.
TEST(EnergyDistance, OfWhatIsNotFiniteIsNoNumber) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (const auto pairs : {Pairs::all, Pairs::distinct}) {
      EXPECT_FALSE(std::isfinite(energy_distance(column({0, bad}), column({0, 1}), pairs)));
      EXPECT_FALSE(std::isfinite(energy_distance(column({0, 1}), column({0, bad}), pairs)));
    }
  }
}

TEST(EnergyDistance, IsZeroForEqualSets) {
  const auto stream = RandomStreams(3).at("samples", 0);
  for (const int64_t dim : {2, 100}) {
    const auto a = torch::randn({300, dim}, stream);
    EXPECT_NEAR(energy_distance(a, a), 0, 1e-12);
  }
}

TEST(EnergyDistance, OfDistinctPairsIsUnbiased) {
  const auto stream = RandomStreams(4).at("samples", 0);
  double sum = 0;
  const int runs = 200;
  for (int i = 0; i < runs; ++i)
    sum += energy_distance(torch::randn({20, 3}, stream), torch::randn({30, 3}, stream), Pairs::distinct);
  EXPECT_NEAR(sum / runs, 0, 0.012);  // three standard errors; the estimate over all pairs has mean 0.19
}

TEST(EnergyDistance, OfShiftedNormalsHasItsKnownValue) {
  const auto stream = RandomStreams(5).at("samples", 0);
  // E|N(d, 2)| = 2/sqrt(pi) exp(-d^2/4) + d erf(d/2) for d = 1, twice, minus 2 E|N(0, 2)|.
  const double expected = 2 * (2 / std::sqrt(M_PI) * std::exp(-0.25) + std::erf(0.5)) - 4 / std::sqrt(M_PI);
  const auto a = torch::randn({3000, 1}, stream), b = torch::randn({3000, 1}, stream) + 1;
  EXPECT_NEAR(energy_distance(a, b), expected, 0.08);  // three standard errors of the shift, 0.026 * slope 0.9
}

TEST(EnergyDistance, DoesNotDependOnItsBlocks) {
  const auto stream = RandomStreams(6).at("samples", 0);
  // 2^22 distances a block: 3,000 x 3,000 pairs take three blocks.
  const auto a = torch::randn({3000, 2}, stream), b = torch::randn({3000, 2}, stream) + 0.5;
  const double whole = torch::cdist(a.to(torch::kFloat64), b.to(torch::kFloat64)).mean().item<double>();
  const double within = torch::cdist(a.to(torch::kFloat64), a.to(torch::kFloat64)).mean().item<double>() +
                        torch::cdist(b.to(torch::kFloat64), b.to(torch::kFloat64)).mean().item<double>();
  EXPECT_NEAR(energy_distance(a, b), 2 * whole - within, 1e-9);
}

TEST(EnergyDistance, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of([] { energy_distance(torch::zeros({3, 2}), torch::zeros({3, 4})); }),
              AllOf(HasSubstr("[3, 2]"), HasSubstr("[3, 4]")));
  EXPECT_THAT(message_of([] { energy_distance(torch::zeros({0, 2}), torch::zeros({3, 2})); }), HasSubstr("empty"));
  EXPECT_THAT(message_of([] { energy_distance(torch::zeros({1, 2}), torch::zeros({3, 2}), Pairs::distinct); }),
              HasSubstr("need 2 samples"));
}

TEST(SlicedWasserstein, OfALineIsTheDistanceOfItsQuantiles) {
  EXPECT_NEAR(sliced_wasserstein(column({0, 1, 5}), column({7, 1, 2}), 3), (1 + 1 + 4) / 3.0, 1e-12);
  // Sets of 2 and 3: thirds and halves meet at 1/3, 1/2, 2/3.
  EXPECT_NEAR(sliced_wasserstein(column({0, 6}), column({0, 3, 6}), 3), 0 + 9 / 6.0 + 9 / 6.0 + 0, 1e-12);
}

TEST(SlicedWasserstein, OfAShiftIsItsSquareOverTheDimension) {
  const auto stream = RandomStreams(9).at("samples", 0);
  const auto a = torch::randn({50, 4}, stream);
  const auto shift = torch::tensor({3.0f, 0.0f, 4.0f, 0.0f});
  // E<shift, u>^2 = |shift|^2 / D; standard error over 4,096 directions: 25 * sqrt(2 * 3 / (16 * 6)) / 64 = 0.098.
  EXPECT_NEAR(sliced_wasserstein(a, a + shift, 4096, 5), 25 / 4.0, 0.3);
  EXPECT_EQ(sliced_wasserstein(a, a + shift, 16, 5), sliced_wasserstein(a, a + shift, 16, 5));
  EXPECT_NE(sliced_wasserstein(a, a + shift, 16, 5), sliced_wasserstein(a, a + shift, 16, 6));
  EXPECT_THAT(message_of([&] { sliced_wasserstein(a, a, 0); }), HasSubstr("projections = 0"));
}

TEST(MapFigures, AreAsByHand) {
  const auto x = torch::zeros({2, 2}), truth = torch::tensor({{1.0f, 0.0f}, {0.0f, 1.0f}});
  const auto prediction = torch::tensor({{2.0f, 0.0f}, {1.0f, 0.0f}});
  EXPECT_DOUBLE_EQ(l2_uvp(prediction, truth, 3), 100 * (1 + 2) / 2.0 / 3);
  EXPECT_DOUBLE_EQ(displacement_cosine(x, prediction, truth), 2 / std::sqrt(2.0 * 5.0));
  EXPECT_EQ(displacement_cosine(x, x, truth), 0);
  EXPECT_THAT(message_of([&] { l2_uvp(prediction, truth, 0); }), HasSubstr("variance is 0"));
  EXPECT_THAT(message_of([&] { l2_uvp(prediction, truth.slice(0, 0, 1), 1); }), HasSubstr("same inputs"));
}

TEST(PushForwardError, ComesWithItsFloor) {
  const auto stream = RandomStreams(11).at("samples", 0);
  const auto target_a = torch::randn({400, 2}, stream), target_b = torch::randn({500, 2}, stream);
  const auto inputs = torch::randn({300, 2}, stream) - 2;
  const auto good = push_forward_error(inputs, torch::randn({300, 2}, stream), target_a, target_b);
  const auto bad = push_forward_error(inputs, torch::randn({300, 2}, stream) + 1, target_a, target_b);
  EXPECT_DOUBLE_EQ(good.floor, energy_distance(target_b.slice(0, 0, 300), target_a));
  EXPECT_DOUBLE_EQ(good.floor, bad.floor);
  EXPECT_LT(good.error, 3 * good.floor);
  EXPECT_GT(bad.error, 10 * bad.floor);
  EXPECT_DOUBLE_EQ(good.start, energy_distance(inputs, target_a));
}

// The estimate falls with the number of points, so that metrics of unequal numbers would not compare.
TEST(PushForwardError, ComparesEqualNumbersOfPoints) {
  const auto stream = RandomStreams(12).at("samples", 0);
  const auto x = torch::randn({500, 2}, stream), target_a = torch::randn({400, 2}, stream),
             target_b = torch::randn({100, 2}, stream);
  EXPECT_DOUBLE_EQ(push_forward_error(x, x, target_a, target_b).error, energy_distance(x.slice(0, 0, 100), target_a));
  EXPECT_THAT(message_of([&] { push_forward_error(x, target_a, target_a, target_b); }), HasSubstr("same inputs"));
}

TEST(DrawDiversity, IsTheMeanGapOfTwoDraws) {
  auto outputs = torch::zeros({2, 3, 1, 2, 2});
  outputs[0][1] = 1;
  outputs[0][2] = 3;
  EXPECT_DOUBLE_EQ(output_diversity(outputs), (1 + 3 + 2) / 3.0 / 2);
  EXPECT_THAT(message_of([] { output_diversity(torch::zeros({2, 1, 4})); }), HasSubstr("K >= 2"));
}

}  // namespace
}  // namespace monge::eval
