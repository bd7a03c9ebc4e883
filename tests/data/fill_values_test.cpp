#include "monge/data/fill_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "tests/data/named_table.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

torch::Tensor normal(int64_t rows, uint64_t seed) {
  return torch::randn({rows}, RandomStreams(seed).at("normal", 0), torch::kFloat64);
}

std::optional<FillValues> fill_of(const torch::Tensor& column) {
  ExtremeValues extremes;
  for (int64_t i = 0; i < column.size(0); ++i) extremes.add(column[i].item<double>());
  return extremes.fill_values();
}

std::optional<FillValues> fill_of(const std::vector<double>& column) {
  return fill_of(torch::tensor(column, torch::kFloat64));
}

std::vector<double> values_of(const std::optional<FillValues>& found) {
  std::vector<double> out;
  if (found) {
    for (const auto& [value, rows] : found->values) out.push_back(value);
  }
  return out;
}

torch::Tensor with(torch::Tensor column, const std::vector<double>& values) {
  column = column.to(torch::kFloat64).clone();
  for (size_t i = 0; i < values.size(); ++i) column[static_cast<int64_t>(7 + 3 * i)] = values[i];
  return column;
}

TEST(FillValues, AreFoundWithTheirRowsAndTheirDistance) {
  // The others are 0 .. 9, so that the distances are whole multiples of 9 and their ends.
  const auto ten = torch::arange(100, torch::kFloat64).remainder(10);
  const auto found = fill_of(with(ten, {-90'000, 1e20, -90'000}));
  ASSERT_TRUE(found);
  EXPECT_THAT(values_of(found), ElementsAre(-90'000, 1e20));
  EXPECT_EQ(found->values[0].rows, 2);
  EXPECT_EQ(found->values[1].rows, 1);
  EXPECT_EQ(found->least, 0);
  EXPECT_EQ(found->most, 9);
  EXPECT_EQ(found->others, 97);
  EXPECT_EQ(found->times, 10'000);
  EXPECT_EQ(in_words(*found),
            "2 values, -90000 (2 rows), 1e+20 (1 row), are at least 10000 times farther from the others than those are "
            "from one another");
  EXPECT_EQ(in_words(*fill_of(with(ten, {2'147'483'647}))),
            "one value, 2147483647 (1 row), is 2.4e+08 times farther from the others than they are from one another");
}

TEST(FillValues, AreFoundAmongOrdinaryValues) {
  for (const double value : {-9999., 1e6, 1e10, 1e20, -3.4e38})
    EXPECT_THAT(values_of(fill_of(with(normal(300, 1), {value}))), ElementsAre(value));
  EXPECT_THAT(values_of(fill_of(with(normal(300, 1), {99'998, 99'999, 99'998}))), ElementsAre(99'998, 99'999))
      << "that lie near one another";
  EXPECT_THAT(values_of(fill_of(with(torch::arange(300).remainder(2), {1e20}))), ElementsAre(1e20))
      << "binary but for it";
  auto mostly = normal(300, 1);
  mostly.slice(0, 0, 200).fill_(-99'999);
  EXPECT_THAT(values_of(fill_of(mostly)), ElementsAre(-99'999));
}

TEST(FillValues, OrdinaryColumnsHaveNone) {
  const auto z = normal(3000, 1);
  EXPECT_FALSE(fill_of(z));
  EXPECT_FALSE(fill_of((3 * z).exp())) << "log-normal";
  EXPECT_FALSE(fill_of((10 * z).round())) << "whole numbers";
  EXPECT_FALSE(fill_of(torch::arange(300).remainder(2))) << "binary";
  EXPECT_FALSE(fill_of(with(torch::zeros({300}), {1e20}))) << "binary, far apart: nothing is lost";
  EXPECT_FALSE(fill_of(torch::full({300}, 0.1, torch::kFloat64))) << "constant";
  const auto counts = (2 * z.abs()).ceil() * (torch::arange(3000).remainder(10) == 0);
  EXPECT_FALSE(fill_of(counts)) << "nine of ten are 0";
  EXPECT_FALSE(fill_of(torch::where(torch::arange(3000).remainder(2) == 0, torch::zeros_like(z), 1 + 1e-11 * z)))
      << "binary with noise";
  EXPECT_FALSE(fill_of(with(z, {1e10, 2e10, 3e10, 4e10, 5e10}))) << "five values are a tail";
}

TEST(FillValues, SparseColumnsHaveNone) {
  for (const auto& [low, middle, high] : {std::tuple{0.004, 12.5, 31.2}, {2e-9, 0.41, 0.9}, {0.8, 0.8, 812.5}}) {
    auto column = torch::zeros({1000}, torch::kFloat64);
    column[3] = low, column[500] = middle, column[900] = high;
    EXPECT_FALSE(fill_of(column)) << low;
  }
}

TEST(FillValues, OfFewRowsOrNoneThereAreNone) {
  EXPECT_FALSE(fill_of({1, 2, 3, 4, 5, 6, 7, 1e20}));
  EXPECT_TRUE(fill_of({1, 2, 3, 4, 5, 6, 7, 8, 1e20}));
  EXPECT_FALSE(fill_of(std::vector<double>{}));
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(fill_of({1, 2, 3, 4, 5, 6, 7, 8, nan, infinity, -infinity})) << "what is not finite is left out";
}

TEST(FillValues, OfASourceAreThoseOfItsColumns) {
  const auto source = [](double value) {
    return NamedTable("t", torch::stack({normal(300, 1), with(normal(300, 2), {value, value})}, 1),
                      {.columns = {"x", "ice"}, .rows = {}, .index = ""});
  };
  const auto stream = RandomStreams(3).at("fill", 0);
  const auto found = find_fill_values(source(1e20), 300, stream.clone()),
             none = find_fill_values(source(0), 300, stream.clone());
  ASSERT_EQ(found.size(), 2u);
  EXPECT_FALSE(found[0]);
  EXPECT_EQ(found[1].value().values[0].rows, 2);
  EXPECT_THAT(find_fill_values(TensorSource("images", torch::rand({5, 3, 8, 8})), 5, stream.clone()), IsEmpty());
  EXPECT_THAT(find_fill_values(*open_toy("toy:gaussian"), 5, stream.clone()), IsEmpty());

  std::vector<std::string> logged;
  const auto log = [&](LogLevel level, const std::string& line) {
    EXPECT_EQ(level, LogLevel::warning);
    logged.push_back(line);
  };
  warn_of_fill_values(source(0), none, source(0), none, log);
  EXPECT_THAT(logged, IsEmpty());
  warn_of_fill_values(source(0), none, source(1e20), found, log);
  ASSERT_EQ(logged.size(), 1u);
  EXPECT_THAT(logged[0], AllOf(HasSubstr("the target's column \"ice\": one value, 1e+20 (2 rows), is"),
                               HasSubstr("?missing=drop"), Not(HasSubstr("source"))));
}

}  // namespace
}  // namespace monge::data
