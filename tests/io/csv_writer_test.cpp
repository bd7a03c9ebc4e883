#include "monge/io/csv_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

TEST(CsvWriter, WritesHeadingsAndRowNames) {
  const TableNames names{.columns = {"x", "y"}, .rows = {"r1", "r2"}, .index = "cell"};
  EXPECT_EQ(csv_header(names), "cell,x,y\n");
  EXPECT_EQ(csv_rows(torch::tensor({{1.5f, 2.f}, {3.f, 4.f}}), {}, names.rows), "r1,1.5,2\nr2,3,4\n");
  EXPECT_EQ(csv_header({.columns = {"x", "y"}, .rows = {"r1"}, .index = ""}), ",x,y\n")
      << "as pandas writes an index without a name";
  EXPECT_EQ(csv_header({.columns = {"x", "y"}, .rows = {}, .index = "cell"}, '\t'), "x\ty\n");
  EXPECT_EQ(csv_header({.columns = {}, .rows = {"r1"}, .index = "cell"}), "") << "row names alone make no header";
  EXPECT_EQ(csv_header({.columns = {""}, .rows = {}, .index = ""}), "\"\"\n") << "an empty line would be none";
  EXPECT_EQ(csv_rows(torch::tensor({{1.5f, 2.f}}), {.separator = '\t', .steps = {}}, {"r"}), "r\t1.5\t2\n");
}

TEST(CsvWriter, QuotesWhatAReaderWouldTakeForSomethingElse) {
  const TableNames names{
      .columns = {"a,b", "say \"x\"", "two\nlines", "#count", " blank ", "a;b", "a\tb", "größe", "1"},
      .rows = {},
      .index = ""};
  EXPECT_EQ(csv_header(names),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"#count\",\" blank \",\"a;b\",\"a\tb\",größe,1\n");
  EXPECT_EQ(csv_rows(torch::tensor({{1.f}}), {}, {"Lee, Ann"}), "\"Lee, Ann\",1\n");
}

// Standard units with the scale 10 and an offset: float32 there resolves 10 * 2^-24 = 6e-7.
TEST(CsvWriter, LeavesOutDigitsThatMeanNothing) {
  const std::vector<double> steps{6e-7, 6e-9, 60};
  const auto table = torch::tensor({{1.75e9 + 29.871234567891, 5.8e6 + 0.19512345678912, 123456789.0},
                                    {-1e-9, 0.30000000000000004, -12.0},
                                    {100000.0, 0.5, 1.2e20}},
                                   torch::kFloat64);
  EXPECT_EQ(csv_rows(table, {.separator = ',', .steps = steps}),
            "1750000029.8712347,5800000.195123456,123456790\n"
            "0,0.3,0\n"
            "1e+05,0.5,1.2e+20\n");
  // What is left out is below a step.
  const auto values =
      (torch::randn({1000, 1}, RandomStreams(1).at("values", 0), torch::kFloat64) * 10 + 1.75e9).contiguous();
  const auto text = csv_rows(values, {.separator = ',', .steps = {6e-7}});
  const double* value = values.const_data_ptr<double>();
  size_t at = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const auto end = text.find('\n', at);
    EXPECT_LE(end - at, 18u);
    EXPECT_LT(std::abs(std::stod(text.substr(at, end - at)) - value[i]), 6e-7);
    at = end + 1;
  }
}

TEST(CsvWriter, WithoutStepsEveryNumberReadsBack) {
  EXPECT_EQ(csv_rows(torch::tensor({{0.1f, 2.f}, {-1.5f, 3e-20f}})), "0.1,2\n-1.5,3e-20\n");
  EXPECT_EQ(csv_rows(torch::tensor({{1.0 / 3}}, torch::kFloat64)), "0.3333333333333333\n");
  EXPECT_EQ(csv_rows(torch::tensor({{1.75e9 + 29.87}}, torch::kFloat64)), "1750000029.87\n");
  EXPECT_EQ(csv_rows(torch::tensor({{int64_t{1} << 60}}, torch::kInt64)), "1152921504606846976\n");
}

TEST(CsvWriter, RefusesNamesThatDoNotFit) {
  EXPECT_THAT(message_of([] { csv_rows(torch::zeros({2, 2}), {}, {"one"}); }),
              HasSubstr("a table of 2 rows has 1 row names"));
  EXPECT_THAT(message_of([] { csv_rows(torch::zeros({2, 2}), {.separator = ',', .steps = {1}}); }),
              HasSubstr("2 columns has 1 steps"));
  EXPECT_THAT(message_of([] { csv_rows(torch::zeros({2})); }), HasSubstr("[N, D]"));
}

}  // namespace
}  // namespace monge::io
