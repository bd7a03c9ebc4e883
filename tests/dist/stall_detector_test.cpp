#include "monge/dist/stall_detector.h"

#include <gtest/gtest.h>

namespace monge::dist {
namespace {

constexpr Seconds kTimeout{10};

StallDetector::Time at(double seconds) {
  return StallDetector::Time() + std::chrono::duration_cast<StallDetector::Time::duration>(Seconds(seconds));
}

TEST(StallDetector, NamesTheRankThatStaysBehind) {
  StallDetector stalls(3, at(0));
  for (const size_t rank : {0, 2}) stalls.record(rank, {.entered = 5, .left = 4}, at(1));
  stalls.record(1, {.entered = 4, .left = 4}, at(2));
  EXPECT_FALSE(stalls.find(at(12), kTimeout));
  const auto stall = stalls.find(at(12.5), kTimeout);
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->rank, 1u);
  EXPECT_EQ(stall->operation, 5);
}

// Ranks whose operations all take longer than the limit are not behind each other.
TEST(StallDetector, LeavesRanksAloneThatAreSlowTogether) {
  StallDetector stalls(2, at(0));
  for (int64_t operation = 1; operation <= 3; ++operation) {
    const double start = 25.0 * static_cast<double>(operation);
    EXPECT_FALSE(stalls.find(at(start - 1), kTimeout));
    stalls.record(1, {.entered = operation, .left = operation - 1}, at(start - 5));  // a little earlier than rank 0
    EXPECT_FALSE(stalls.find(at(start), kTimeout));
    for (const size_t rank : {0, 1}) stalls.record(rank, {.entered = operation, .left = operation}, at(start));
  }
}

TEST(StallDetector, NoticesAnOperationThatNobodyLeaves) {
  StallDetector stalls(2, at(0));
  for (const size_t rank : {0, 1}) stalls.record(rank, {.entered = 1, .left = 0}, at(3));
  EXPECT_FALSE(stalls.find(at(13), kTimeout));
  const auto stall = stalls.find(at(13.5), kTimeout);
  ASSERT_TRUE(stall);
  EXPECT_FALSE(stall->rank);
}

TEST(StallDetector, IdleRanksAreNotStalled) {
  StallDetector stalls(2, at(0));
  for (const size_t rank : {0, 1}) stalls.record(rank, {.entered = 7, .left = 7}, at(1));
  EXPECT_FALSE(stalls.find(at(1000), kTimeout));
}

TEST(StallDetector, ARankThatHasLeftCannotHang) {
  StallDetector stalls(2, at(0));
  stalls.record(0, {.entered = 2, .left = 2}, at(1));
  stalls.leave(1);
  EXPECT_FALSE(stalls.find(at(100), kTimeout));
}

TEST(StallDetector, CountsAnewAfterARestart) {
  StallDetector stalls(2, at(0));
  stalls.record(0, {.entered = 1, .left = 0}, at(1));
  stalls.restart(at(50));
  EXPECT_FALSE(stalls.find(at(59), kTimeout));
  EXPECT_TRUE(stalls.find(at(61), kTimeout));
}

}  // namespace
}  // namespace monge::dist
