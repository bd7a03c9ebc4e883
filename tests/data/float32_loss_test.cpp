#include "monge/data/float32_loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

torch::Tensor normal(int64_t rows, uint64_t seed) {
  return torch::randn({rows}, RandomStreams(seed).at("normal", 0), torch::kFloat64);
}

std::vector<int64_t> lost(const std::vector<torch::Tensor>& columns) { return columns_lost_in_float32(torch::stack(columns, 1)); }

TEST(Float32Loss, FindsOffsetsFarBeyondTheSpread) {
  // Steps of float32 at 1.7e9: 128. At 1e4: 0.001, so that the spread 1 has a thousand steps.
  EXPECT_THAT(lost({normal(400, 1), 1.7e9 + 300 * normal(400, 2), 1e4 + normal(400, 3), 1e8 + normal(400, 4)}), ElementsAre(1, 3));
}

TEST(Float32Loss, DrawsTheLineAtAHundredthOfTheStandardDeviation) {
  // At 2^23 .. 2^24 the step is 1: a standard deviation of 50 is lost, one of 200 is not.
  const double offset = 1.2e7;
  EXPECT_THAT(lost({offset + 50 * normal(2000, 1), offset + 200 * normal(2000, 2)}), ElementsAre(0));
}

TEST(Float32Loss, WhatFloat32HoldsExactlyIsNotLost) {
  const auto counts = torch::arange(400, torch::kFloat64) / 100;
  // Whole numbers up to 2^24, though their steps of 1 are more than 1 % of the spread; and multiples of 128 beyond.
  EXPECT_THAT(lost({16'777'200 + counts.floor(), 1'700'000'000 - 1'700'000'000 % 128 + 128 * counts.floor()}), IsEmpty());
}

TEST(Float32Loss, AnOutlierHidesNothing) {
  auto column = 1e9 + normal(1000, 1);
  column[17] = 0;
  EXPECT_THAT(lost({column}), ElementsAre(0));
}

TEST(Float32Loss, LargeValuesDoNotSpoilSmallOnes) {
  auto column = 1e-6 * normal(1000, 1);
  column.slice(0, 0, 200) += 1;
  EXPECT_THAT(lost({column, 1e4 + normal(1000, 2)}), IsEmpty());
}

TEST(Float32Loss, ConstantsAndTheNoiseOfDoubleAreNotLost) {
  const auto same = torch::full({50}, 0.1, torch::kFloat64);
  auto nearly = same.clone();
  nearly[3] = std::nextafter(0.1, 1);
  EXPECT_THAT(lost({same, nearly, torch::full({50}, 1e9, torch::kFloat64)}), IsEmpty());
}

TEST(Float32Loss, OrdinaryColumnsOfAnySizeAreNotLost) {
  const auto z = normal(300'000, 1);
  EXPECT_THAT(lost({z, z.exp(), 5 + z, 1e30 * z, 1e-30 * z}), IsEmpty());
}

TEST(Float32Loss, BeyondTheRangeOfFloat32IsLost) {
  EXPECT_THAT(lost({1e39 * normal(50, 1), 1e-50 * normal(50, 2), 1e300 + 1e299 * normal(50, 3)}), ElementsAre(0, 1, 2));
}

TEST(Float32Loss, LeavesOutWhatIsNotFinite) {
  auto fine = normal(50, 1), far = 1e9 + normal(50, 2);
  for (const auto& column : {fine, far}) {
    column[4] = std::numeric_limits<double>::quiet_NaN();
    column[5] = std::numeric_limits<double>::infinity();
  }
  EXPECT_THAT(lost({fine, far}), ElementsAre(1));
  EXPECT_THAT(columns_lost_in_float32(torch::zeros({0, 3}, torch::kFloat64)), IsEmpty());
  EXPECT_THAT(monge::testing::message_of([] { columns_lost_in_float32(torch::zeros({3}, torch::kFloat64)); }), ::testing::HasSubstr("[3]"));
}

}  // namespace
}  // namespace monge::data
