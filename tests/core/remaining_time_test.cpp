#include "monge/core/remaining_time.h"

#include <gtest/gtest.h>

namespace monge {
namespace {

/// Marks one unit after another, each of which takes `seconds`.
class Work {
 public:
  explicit Work(int64_t total, int64_t done = 0) : left(total), done_(done) {}
  void units(int64_t count, double seconds) {
    for (int64_t i = 0; i < count; ++i) left.add(now_ += seconds, ++done_);
  }
  void pause(double seconds) { now_ += seconds; }
  RemainingTime left;

 private:
  double now_ = 0;
  int64_t done_;
};

TEST(RemainingTime, DoesNotTakeTheWarmUpForThePace) {
  Work work(1000);
  work.units(1, 30);  // kernels are chosen
  EXPECT_FALSE(work.left.seconds()) << "an average would say 8 hours";
  work.units(1, 2);
  work.units(2, 0.25);
  EXPECT_FALSE(work.left.seconds());
  work.units(1, 0.25);
  ASSERT_TRUE(work.left.seconds());
  EXPECT_NEAR(*work.left.seconds(), 995 * 0.25, 1e-9);
}

TEST(RemainingTime, AResumedRunIsEstimatedByWhatItDoesNow) {
  Work work(1000, 900);
  work.units(1, 5);
  work.units(9, 0.5);
  ASSERT_TRUE(work.left.seconds());
  EXPECT_NEAR(*work.left.seconds(), 90 * 0.5, 1e-9);
}

TEST(RemainingTime, SaysNothingInTheFirstSecond) {
  Work work(10'000);
  work.units(900, 0.001);
  EXPECT_FALSE(work.left.seconds());
  work.units(200, 0.001);
  ASSERT_TRUE(work.left.seconds());
  EXPECT_NEAR(*work.left.seconds(), 8.9, 0.01);
}

TEST(RemainingTime, OfSlowUnitsFewAreEnough) {
  Work work(10);
  work.units(2, 60);
  EXPECT_FALSE(work.left.seconds());
  work.units(1, 60);
  ASSERT_TRUE(work.left.seconds());
  EXPECT_NEAR(*work.left.seconds(), 7 * 60, 1e-9);
}

TEST(RemainingTime, ForgetsWhatWasSlow) {
  Work work(1000);
  work.units(50, 1);      // beside another training
  work.units(200, 0.25);  // alone
  ASSERT_TRUE(work.left.seconds());
  EXPECT_NEAR(*work.left.seconds(), 750 * 0.25, 1);
}

TEST(RemainingTime, CountsWhatComesBetweenTheUnits) {
  Work work(1000);
  for (int i = 0; i < 50; ++i) {
    work.units(10, 0.1);
    work.pause(1);  // an evaluation
  }
  ASSERT_TRUE(work.left.seconds());
  EXPECT_NEAR(*work.left.seconds(), 500 * 0.2, 3);
}

TEST(RemainingTime, StaysExactOverAMillionUnits) {
  Work work(2'000'000);
  work.units(1'000'000, 0.01);
  ASSERT_TRUE(work.left.seconds());
  EXPECT_NEAR(*work.left.seconds(), 10'000, 1);
}

TEST(RemainingTime, IsNoneAtTheEndAndWhereNothingMoves) {
  Work work(100);
  work.units(100, 1);
  EXPECT_FALSE(work.left.seconds());
  RemainingTime stuck(100);
  for (int i = 0; i < 20; ++i) stuck.add(i, 7);  // a download that waits
  EXPECT_FALSE(stuck.seconds());
}

}  // namespace
}  // namespace monge
