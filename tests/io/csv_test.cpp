#include "monge/io/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "monge/core/error.h"
#include "tests/io/damage.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;

void expect_table(const std::string& text) {
  const auto expected = torch::tensor({{1.f, -2.5f}, {0.f, 3e4f}});
  EXPECT_TRUE(torch::equal(parse_csv(text, "x.csv"), expected)) << text;
}

std::string complaint_about(const std::string& text) {
  return monge::testing::message_of([&] { parse_csv(text, "x.csv"); });
}

TEST(Csv, FindsTheSeparator) {
  expect_table("1,-2.5\n0,3e4\n");
  expect_table("1;-2.5\n0;3e4");
  expect_table("1\t-2.5\r\n0\t3e4\r\n");
  expect_table("  1   -2.5  \n0 \t3e4\n");
  expect_table(" 1 , -2.5 \n +0 , 3E4 \n");
}

TEST(Csv, LeavesOutHeadersCommentsAndEmptyLines) {
  expect_table("x,y\n1,-2.5\n0,3e4\n");
  expect_table("\xef\xbb\xbf\"x (cm)\";\"y\"\n1;-2.5\n0;3e4\n");
  expect_table("# made by hand, twice\n\nx y\n\n1 -2.5\n  # half\n0 3e4\n\n");
}

TEST(Csv, ReadsASingleColumnAndASingleRow) {
  EXPECT_TRUE(torch::equal(parse_csv("a value\n1\n2\n", "x"), torch::tensor({{1.f}, {2.f}})));
  EXPECT_TRUE(torch::equal(parse_csv("1,2", "x"), torch::tensor({{1.f, 2.f}})));
}

TEST(Csv, ReadsWhatIsNotFinite) {
  const auto read = parse_csv("nan,inf,-Infinity,1e-60", "x");
  EXPECT_TRUE(read[0][0].isnan().item<bool>());
  EXPECT_EQ(read[0][1].item<float>(), std::numeric_limits<float>::infinity());
  EXPECT_EQ(read[0][2].item<float>(), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(read[0][3].item<float>(), 0);
}

TEST(Csv, NamesTheLineAndTheField) {
  EXPECT_EQ(complaint_about("x,y\n1,2\n3,four\n"),
            "x.csv line 3: field 2 is no number, got \"four\" (allowed: numbers within float32, such as -1.5e-3); "
            "mend the line, or begin it with # to leave it out");
  EXPECT_THAT(complaint_about("1,two\n"), HasSubstr("x.csv line 1: field 2 is no number"));
  EXPECT_THAT(complaint_about("1;2\n1,5;2\n"), HasSubstr("x.csv line 2: field 1 is no number, got \"1,5\""));
  EXPECT_THAT(complaint_about("1,2\n1,\n"), HasSubstr("x.csv line 2: field 2 is no number, got \"\""));
  EXPECT_THAT(complaint_about("1,2\n1,1e39\n"), HasSubstr("field 2 is no number, got \"1e39\""));
  EXPECT_THAT(complaint_about("1,2\n1,0x10\n"), HasSubstr("got \"0x10\""));
  EXPECT_THAT(complaint_about("a,b\nc,d\n1,2\n"), HasSubstr("x.csv line 2: field 1 is no number, got \"c\""));
  EXPECT_THAT(complaint_about("# n\n1,2\n\n1,2,3\n"),
              HasSubstr("x.csv line 4: has 3 numbers, the first row (line 2) has 2; every row must have as many"));
  EXPECT_THAT(complaint_about("x,y\n# only this\n"), HasSubstr("x.csv: has no row of numbers"));
  EXPECT_THAT(complaint_about(""), HasSubstr("x.csv: has no row of numbers"));
}

TEST(Csv, WritesWhatItReadsBackExactly) {
  const monge::testing::ScratchFolder scratch;
  torch::manual_seed(3);
  const auto table = torch::randn({50, 7}) * torch::logspace(-30, 30, 7);

  write_csv(scratch / "x.csv", table.t().contiguous().t());

  EXPECT_TRUE(torch::equal(read_csv(scratch / "x.csv"), table));
}

TEST(Csv, WritesShortestDigitsOfEveryType) {
  EXPECT_EQ(csv_text(torch::tensor({{0.1f, 2.f}, {-1.5f, 3e-20f}})), "0.1,2\n-1.5,3e-20\n");
  EXPECT_EQ(csv_text(torch::tensor({0.1, 1.0 / 3}, torch::kFloat64)), "0.1\n0.3333333333333333\n");
  EXPECT_EQ(csv_text(torch::tensor({{1, 2}}, torch::kInt64)), "1,2\n");
  EXPECT_THAT(monge::testing::message_of([] {
                csv_text(torch::zeros({1, 2, 3}));
              }),
              HasSubstr("got [1, 2, 3] of Float; write .npy instead"));
}

TEST(Csv, ReadsAMillionNumbersInNoTime) {
  const auto text = csv_text(torch::randn({100'000, 10}));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(parse_csv(text, "x").numel(), 1'000'000);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));  // 0.1 s on a free core
}

TEST(Csv, SurvivesDamage) {
  const auto parse = [](const std::string& bytes) { parse_csv(bytes, "damaged"); };
  EXPECT_GT(monge::testing::refuses_damage("x,y\n" + csv_text(torch::randn({5, 2})), 5000, parse), 2000);
}

}  // namespace
}  // namespace monge::io
