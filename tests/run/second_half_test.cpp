#include "monge/run/second_half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string_view>

namespace monge::run {
namespace {

bool is_distance(std::string_view name) { return name == "target_error" || name == "fid"; }

TEST(SecondHalf, LooksAtDistancesOfLateEvaluationsAlone) {
  const auto log = parse_metrics(R"({"iteration": 10, "loss_map": 3}
{"iteration": 10, "eval": {"target_error": 0.1, "fid": 90, "fid_floor": 5, "psnr": 12}}
{"iteration": 50, "eval": {"target_error": 0.5, "fid": 70, "fid_floor": 5, "psnr": 12}}
{"iteration": 80, "eval": {"target_error": 0.3, "fid": null, "fid_floor": 5, "psnr": 12}}
{"iteration": 100, "eval": {"target_error": 0.4, "fid": 60, "fid_floor": 5, "psnr": 12}}
)");
  const auto spans = second_half(log, 100, is_distance);
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].name, "target_error");
  EXPECT_DOUBLE_EQ(spans[0].best, 0.3);  // the 0.1 of the first half does not count
  EXPECT_DOUBLE_EQ(spans[0].last, 0.4);
  EXPECT_DOUBLE_EQ(spans[0].worst, 0.5);
  EXPECT_EQ(spans[1].name, "fid");
  EXPECT_DOUBLE_EQ(spans[1].best, 60);
  EXPECT_DOUBLE_EQ(spans[1].worst, 70);
}

TEST(SecondHalf, LeavesOutWhatHasNoFiniteValue) {
  EXPECT_TRUE(second_half(parse_metrics(R"({"iteration": 10, "eval": {"fid": null}})"), 10, is_distance).empty());
}

}  // namespace
}  // namespace monge::run
