#include "monge/eval/sample_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/eval/displacement_interpolation.h"
#include "monge/eval/push_forward_error.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

/// The samples of tests/fixtures/make_score.py.
torch::Tensor wave_phase(int64_t rows, int64_t dim, double step, double phase) {
  const auto i = torch::arange(rows, torch::kFloat64).unsqueeze(1), j = torch::arange(dim, torch::kFloat64);
  return step * i + phase * j;
}

torch::Tensor compared_samples(int64_t dim) {
  return wave_phase(60, dim, 1.7, 2.3).sin() + 0.1 * torch::arange(dim, torch::kFloat64);
}

torch::Tensor reference_samples(int64_t dim) { return 1.2 * wave_phase(80, dim, 1.1, 0.9).cos() + 0.3; }

// Figures of numpy in float64. In 40 dimensions the distances come from a matrix product, which is off by up to the
// root of the rounding error (1e-8) for near points.
TEST(SampleComparison, GivesTheFiguresOfNumpy) {
  const SampleComparison three(reference_samples(3), 32, 0), forty(reference_samples(40), 32, 0);
  const auto of_three = three.compare(compared_samples(3)),
             of_forty = forty.compare(compared_samples(40).to(torch::kFloat64));
  EXPECT_NEAR(of_three.energy, 0.149190743758, 1e-11);
  EXPECT_NEAR(of_three.mmd_squared, 0.098634582014, 1e-11);
  EXPECT_NEAR(three.bandwidth(), 2.070923920557, 1e-11);
  EXPECT_NEAR(of_forty.energy, 8.173927703852, 1e-7);
  EXPECT_NEAR(of_forty.mmd_squared, 0.541642089537, 1e-7);
  EXPECT_NEAR(forty.bandwidth(), 7.626084442396, 1e-7);
  EXPECT_NEAR(of_three.energy, 0.5 * energy_distance(compared_samples(3), reference_samples(3), Pairs::distinct),
              1e-12);
}

// Every reference sample is at the distance 2 from all compared ones, so that all plans cost the same.
TEST(SampleComparison, GivesTheDistancesOfAPlanInClosedForm) {
  const auto angle = torch::arange(64, torch::kFloat64) * (2 * M_PI / 64);
  const SampleComparison circle(torch::stack({2 * angle.cos() + 1, 2 * angle.sin() - 3}, 1), 20, 1);
  const auto centre = torch::tensor({{1.0, -3.0}}, torch::kFloat64).expand({30, 2}).contiguous();
  const auto distances = circle.compare(centre);
  EXPECT_EQ(circle.plan_points(), 20);
  EXPECT_NEAR(distances.w1, 2, 1e-9);
  EXPECT_NEAR(distances.w2, 2, 1e-9);
}

TEST(SampleComparison, AShiftMovesThePlanByItsLength) {
  const auto x = torch::randn({600, 2}, RandomStreams(3).at("x", 0));
  const SampleComparison comparison(x, 4096, 0);
  EXPECT_EQ(comparison.plan_points(), 300) << "the floor has two halves";
  const auto moved = comparison.compare(x + 20), floor = comparison.floor();
  const double shift = 20 * std::sqrt(2.0);
  EXPECT_NEAR(moved.w1, shift, 0.35) << "the subsets differ by their means";
  EXPECT_NEAR(moved.w2, shift, 0.35);
  EXPECT_LT(std::abs(floor.energy), 0.02) << "unbiased: around 0";
  EXPECT_LT(std::abs(floor.mmd_squared), 0.01);
  EXPECT_LT(floor.w1, floor.w2);
  EXPECT_GT(floor.w1, 0.05) << "a plan of samples has a floor";
}

TEST(SampleComparison, RefusesWhatCannotBeCompared) {
  const SampleComparison comparison(reference_samples(3), 32, 0);
  EXPECT_THAT(message_of([&] { comparison.compare(compared_samples(4)); }),
              HasSubstr("4 columns and the reference set 3"));
  EXPECT_THAT(message_of([&] { comparison.compare(compared_samples(3).narrow(0, 0, 31)); }),
              AllOf(HasSubstr("has 31 samples"), HasSubstr("32 or more")));
  EXPECT_THAT(message_of([&] { SampleComparison(reference_samples(3), 5000, 0); }), HasSubstr("allowed: 2 to 4096"));
  EXPECT_THAT(message_of([&] { SampleComparison(torch::ones({9, 2}), 4, 0); }), HasSubstr("are equal"));
  EXPECT_THAT(message_of([&] { SampleComparison(torch::full({9, 2}, NAN), 4, 0); }), HasSubstr("NaN or infinite"));
}

// On a line the assignment is that of the sorted samples.
TEST(DisplacementInterpolation, OfALineJoinsTheSortedSamples) {
  const auto order = torch::tensor({3, 0, 4, 1, 2});
  const auto a = order.to(torch::kFloat64).unsqueeze(1), b = 10 + 2 * order.flip(0).to(torch::kFloat64).unsqueeze(1);
  const auto middle = displacement_interpolation(a, b, 0.25, 4096, 7);
  const auto sorted = std::get<0>(middle.flatten().sort());
  EXPECT_TRUE(torch::allclose(sorted, 2.5 + 1.25 * torch::arange(5, torch::kFloat64)));
  EXPECT_EQ(displacement_interpolation(a, b, 0.25, 3, 7).size(0), 3);
  EXPECT_THAT(message_of([&] { displacement_interpolation(a, b, 1.5, 3, 7); }), HasSubstr("t = 1.5"));
  EXPECT_THAT(message_of([&] { displacement_interpolation(a, torch::ones({3, 2}), 0, 3, 7); }),
              HasSubstr("with the same D"));
}

}  // namespace
}  // namespace monge::eval
