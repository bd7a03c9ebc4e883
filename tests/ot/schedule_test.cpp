#include "monge/ot/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/ot/ema.h"
#include "tests/support/support.h"

namespace monge::ot {
namespace {

TEST(LinearRamp, GoesStraightAndStays) {
  EXPECT_DOUBLE_EQ(linear_ramp(0, 0.66, 500, 0), 0);
  EXPECT_DOUBLE_EQ(linear_ramp(0, 0.66, 500, 250), 0.33);
  EXPECT_DOUBLE_EQ(linear_ramp(0, 0.66, 500, 500), 0.66);
  EXPECT_DOUBLE_EQ(linear_ramp(0, 0.66, 500, 9999), 0.66);
  EXPECT_DOUBLE_EQ(linear_ramp(0.1, 0.5, 0, 0), 0.5);
}

TEST(RateFactor, FollowsEachKind) {
  EXPECT_DOUBLE_EQ(rate_factor({.kind = "constant"}, 123), 1.0);
  const RateSchedule cosine{.kind = "cosine", .total = 100};
  EXPECT_DOUBLE_EQ(rate_factor(cosine, 0), 1.0);
  EXPECT_NEAR(rate_factor(cosine, 50), 0.5, 1e-12);
  EXPECT_NEAR(rate_factor(cosine, 100), 0.0, 1e-12);
  const RateSchedule steps{.kind = "steps", .milestones = {10, 20}, .decay = 0.5};
  EXPECT_DOUBLE_EQ(rate_factor(steps, 9), 1.0);
  EXPECT_DOUBLE_EQ(rate_factor(steps, 10), 0.5);
  EXPECT_DOUBLE_EQ(rate_factor(steps, 25), 0.25);
}

TEST(RateFactor, WarmsUpLinearlyBeforeAnyKind) {
  const RateSchedule schedule{.kind = "constant", .warmup = 4};
  EXPECT_DOUBLE_EQ(rate_factor(schedule, 0), 0.25);
  EXPECT_DOUBLE_EQ(rate_factor(schedule, 3), 1.0);
  EXPECT_DOUBLE_EQ(rate_factor(schedule, 4), 1.0);
}

TEST(RateFactor, RefusesAnUnknownKind) {
  EXPECT_THAT(testing::message_of([] { rate_factor({.kind = "cosin"}, 0); }),
              ::testing::HasSubstr("constant, cosine, steps"));
}

TEST(Ema, IsTheRecursion) {
  const auto average = torch::zeros({2}), value = torch::ones({2});
  ema_update(average, value, 1 - 0.9);
  ema_update(average, value, {0, torch::tensor(0.1f)});
  EXPECT_NEAR(average[0].item<double>(), 0.19, 1e-6);
}

TEST(Ema, ForgetsTheStartEarly) {
  EXPECT_DOUBLE_EQ(ema_decay(0.999, 0), 0.1);
  EXPECT_DOUBLE_EQ(ema_decay(0.999, 1'000'000), 0.999);
  EXPECT_DOUBLE_EQ(ema_decay(0.999, 20, 2), 21.0 / 23) << "half of the iterations so far";
}

}  // namespace
}  // namespace monge::ot
