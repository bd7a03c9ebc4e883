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

torch::Tensor normal_column(int64_t rows, uint64_t seed) {
  return torch::randn({rows}, RandomStreams(seed).at("normal", 0), torch::kFloat64);
}

std::vector<int64_t> lost(const std::vector<torch::Tensor>& columns) {
  return columns_lost_in_float32(torch::stack(columns, 1));
}

TEST(Float32Loss, FindsOffsetsFarBeyondTheSpread) {
  // Steps of float32 at 1.7e9: 128. At 1e4: 0.001, so that the spread 1 has a thousand steps.
  EXPECT_THAT(lost({normal_column(400, 1), 1.7e9 + 300 * normal_column(400, 2), 1e4 + normal_column(400, 3),
                    1e8 + normal_column(400, 4)}),
              ElementsAre(1, 3));
}

TEST(Float32Loss, DrawsTheLineAtAHundredthOfTheStandardDeviation) {
  // At 2^23 .. 2^24 the step is 1: a standard deviation of 50 is lost, one of 200 is not.
  const double offset = 1.2e7;
  EXPECT_THAT(lost({offset + 50 * normal_column(2000, 1), offset + 200 * normal_column(2000, 2)}), ElementsAre(0));
}

TEST(Float32Loss, WhatFloat32HoldsExactlyIsNotLost) {
  const auto counts = torch::arange(400, torch::kFloat64) / 100;
  // Whole numbers up to 2^24, though their steps of 1 are more than 1 % of the spread; and multiples of 128 beyond.
  EXPECT_THAT(lost({16'777'200 + counts.floor(), 1'700'000'000 - 1'700'000'000 % 128 + 128 * counts.floor()}),
              IsEmpty());
}

TEST(Float32Loss, AnOutlierHidesNothing) {
  auto column = 1e9 + normal_column(1000, 1);
  column[17] = 0;
  EXPECT_THAT(lost({column}), ElementsAre(0));
}

/// Standardised by its own mean and deviation, as data.standardise does.
std::vector<int64_t> lost_in_standard_units(const std::vector<torch::Tensor>& columns) {
  const auto rows = torch::stack(columns, 1).to(torch::kFloat64), scale = rows.std(0, false);
  const auto safe = torch::where(scale > 0, scale, torch::ones_like(scale));
  return columns_lost_in_float32(rows, ((rows - rows.mean(0)) / safe).to(torch::kFloat32), safe);
}

torch::Tensor with(torch::Tensor column, double value) {
  column = column.to(torch::kFloat64).clone();
  column[17] = value;
  return column;
}

TEST(Float32Loss, AnOutlierThatStretchesTheScaleLosesTheOthers) {
  // The mean is value / 300 and the deviation value / 17: in standard units float32 moves by 2^-28 = 4e-9 near the mean
  // of the others, which is 2e-10 of the value in raw units. Of 1e20 and beyond, float64 has lost the others before
  // anything is rounded.
  EXPECT_THAT(lost_in_standard_units({with(normal_column(300, 1), 1e3), with(normal_column(300, 2), 1e6),
                                      with(normal_column(300, 3), 1e10), with(normal_column(300, 4), 1e20),
                                      with(normal_column(300, 5), -3.4e38)}),
              ElementsAre(2, 3, 4));
  const auto z = normal_column(300, 1), index = torch::arange(300, torch::kFloat64);
  const auto counts = (2 * z.abs()).ceil() * (index.remainder(10) == 0);
  // The quartiles of these are 0 and 1, twice 0, and 0 and the fill value.
  const auto mostly_fill = torch::where(index.remainder(5) < 3, 1e20 * torch::ones_like(z), z);
  EXPECT_THAT(lost_in_standard_units({with(index.remainder(2), 1e20), with(counts, 1e20), mostly_fill}),
              ElementsAre(0, 1, 2));
  auto several = normal_column(300, 1);
  for (int64_t i = 0; i < 10; ++i) several[7 * i] = 1e20 * (1 + 0.1 * static_cast<double>(i));
  EXPECT_THAT(lost_in_standard_units({several}), ElementsAre(0));
  // A raw column loses nothing by it.
  EXPECT_THAT(lost({with(z, 1e10), with(z, 1e20), with(index.remainder(2), 1e20)}), IsEmpty());
}

TEST(Float32Loss, OrdinaryColumnsAreNotLostInStandardUnits) {
  const auto z = normal_column(3000, 1), index = torch::arange(3000, torch::kFloat64);
  const auto zeros = torch::zeros_like(z);
  EXPECT_THAT(
      lost_in_standard_units({z, (3 * z).exp(), index.remainder(2), (2 * z.abs()).ceil() * (index.remainder(10) == 0),
                              zeros + 0.1, with(zeros, 1e20), (10 * z).round(), 16'777'216 * (10 * z).round(),
                              1.7e9 + 300 * z, torch::where(index.remainder(2) == 0, zeros, 1 + 1e-11 * z)}),
      IsEmpty());
}

TEST(Float32Loss, TwoFarSidesLoseWhatTheirCommonMeanCannotHold) {
  const auto rows = (1.75e9 + 10 * normal_column(400, 1)).unsqueeze(1),
             scale = torch::full({1}, 1.75e9, torch::kFloat64);
  EXPECT_THAT(columns_lost_in_float32(rows, (rows / scale).to(torch::kFloat32), scale), ElementsAre(0));
  EXPECT_THAT(monge::testing::message_of(
                  [&] { columns_lost_in_float32(rows, rows.to(torch::kFloat32), torch::ones({2}, torch::kFloat64)); }),
              ::testing::HasSubstr("scales [D] are needed, got [400, 1], [400, 1] and [2]"));
}

TEST(Float32Loss, LargeValuesDoNotSpoilSmallOnes) {
  auto column = 1e-6 * normal_column(1000, 1);
  column.slice(0, 0, 200) += 1;
  EXPECT_THAT(lost({column, 1e4 + normal_column(1000, 2)}), IsEmpty());
}

TEST(Float32Loss, ConstantsAndTheNoiseOfDoubleAreNotLost) {
  const auto same = torch::full({50}, 0.1, torch::kFloat64);
  auto nearly = same.clone();
  nearly[3] = std::nextafter(0.1, 1);
  EXPECT_THAT(lost({same, nearly, torch::full({50}, 1e9, torch::kFloat64)}), IsEmpty());
}

TEST(Float32Loss, OrdinaryColumnsOfAnySizeAreNotLost) {
  const auto z = normal_column(300'000, 1);
  EXPECT_THAT(lost({z, z.exp(), 5 + z, 1e30 * z, 1e-30 * z}), IsEmpty());
}

TEST(Float32Loss, BeyondTheRangeOfFloat32IsLost) {
  EXPECT_THAT(lost({1e39 * normal_column(50, 1), 1e-50 * normal_column(50, 2), 1e300 + 1e299 * normal_column(50, 3)}),
              ElementsAre(0, 1, 2));
}

TEST(Float32Loss, LeavesOutWhatIsNotFinite) {
  auto fine = normal_column(50, 1), far = 1e9 + normal_column(50, 2);
  for (const auto& column : {fine, far}) {
    column[4] = std::numeric_limits<double>::quiet_NaN();
    column[5] = std::numeric_limits<double>::infinity();
  }
  EXPECT_THAT(lost({fine, far}), ElementsAre(1));
  EXPECT_THAT(columns_lost_in_float32(torch::zeros({0, 3}, torch::kFloat64)), IsEmpty());
  EXPECT_THAT(monge::testing::message_of([] { columns_lost_in_float32(torch::zeros({3}, torch::kFloat64)); }),
              ::testing::HasSubstr("[3]"));
}

}  // namespace
}  // namespace monge::data
