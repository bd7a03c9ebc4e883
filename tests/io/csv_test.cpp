#include "monge/io/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "monge/io/text_table.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;

TEST(Csv, WritesWhatItReadsBackExactly) {
  const monge::testing::ScratchFolder scratch;
  torch::manual_seed(3);
  const auto table = torch::randn({50, 7}) * torch::logspace(-30, 30, 7);

  write_csv(scratch / "x.csv", table.t().contiguous().t());

  EXPECT_TRUE(torch::equal(read_text_table(scratch / "x.csv").values.to(torch::kFloat32), table));
}

TEST(Csv, WritesShortestDigitsOfEveryType) {
  EXPECT_EQ(csv_text(torch::tensor({{0.1f, 2.f}, {-1.5f, 3e-20f}})), "0.1,2\n-1.5,3e-20\n");
  EXPECT_EQ(csv_text(torch::tensor({0.1, 1.0 / 3}, torch::kFloat64)), "0.1\n0.3333333333333333\n");
  EXPECT_EQ(csv_text(torch::tensor({{1, 2}}, torch::kInt64)), "1,2\n");
  EXPECT_THAT(monge::testing::message_of([] { csv_text(torch::zeros({1, 2, 3})); }),
              HasSubstr("got [1, 2, 3] of float32; write .npy instead"));
}

}  // namespace
}  // namespace monge::io
