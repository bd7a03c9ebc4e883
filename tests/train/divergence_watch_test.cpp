#include "monge/train/divergence_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace monge::train {
namespace {

using ::testing::HasSubstr;

/// A watch over costs of at most 4.
struct Fed {
  explicit Fed(bool bounded = true) { watch.start(4, bounded); }

  /// Feeds `count` equal iterations. @return the first alarm; empty if there was none.
  std::string feed(int64_t count, const solve::IterationMetrics& metrics) {
    std::string out;
    for (int64_t i = 0; i < count; ++i) {
      const auto alarm = watch.add(metrics);
      if (alarm && out.empty()) out = *alarm;
    }
    return out;
  }

  DivergenceWatch watch;
};

solve::IterationMetrics calm() {
  return {.cost = 1, .loss_potential = -0.5, .gradient_map = 0.1, .gradient_potential = 0.2};
}

TEST(DivergenceWatch, IsSilentOnATrainingThatConverges) {
  Fed fed;
  auto metrics = calm();
  for (int64_t i = 0; i < 3000; ++i) {
    metrics.gradient_map = 1.0 / static_cast<double>(1 + i);
    EXPECT_FALSE(fed.watch.add(metrics).has_value()) << i;
  }
  EXPECT_LT(fed.watch.level(), 0.5);
}

TEST(DivergenceWatch, HearsAPotentialThatOutgrowsTheCost) {
  Fed fed;
  EXPECT_EQ(fed.feed(40, calm()), "");
  auto metrics = calm();
  metrics.loss_potential = -90;  // more than ten times the largest cost; swings of either sign count
  EXPECT_THAT(fed.feed(100, metrics), HasSubstr("the potential runs away: |mean f(T(x)) - mean f(y)| is -90"));
}

// Potentials of many dimensions stay there for hundreds of iterations before they settle.
TEST(DivergenceWatch, TenTimesTheLargestCostIsNoAlarm) {
  Fed fed;
  auto metrics = calm();
  metrics.loss_potential = 39;
  EXPECT_EQ(fed.feed(500, metrics), "");
  EXPECT_GT(fed.watch.level(), 0.5);  // but no state to return to
}

TEST(DivergenceWatch, OneWildBatchIsNoAlarm) {
  Fed fed;
  fed.feed(40, calm());
  auto wild = calm();
  wild.loss_potential = 1e9;
  wild.cost = 1e9;
  EXPECT_EQ(fed.feed(1, wild), "");
  EXPECT_EQ(fed.feed(100, calm()), "");
}

TEST(DivergenceWatch, HearsAMapThatLeavesTheTarget) {
  Fed fed(/*bounded=*/false);
  auto metrics = calm();
  metrics.cost = 17;
  metrics.loss_potential = 1e6;  // of a potential for which the bound does not hold
  EXPECT_THAT(fed.feed(40, metrics), HasSubstr("the map runs away: its mean cost"));
  Fed bounded(/*bounded=*/false);
  metrics.cost = 15;
  EXPECT_EQ(bounded.feed(40, metrics), "");
}

TEST(DivergenceWatch, HearsGradientsThatGrowAHundredfold) {
  Fed fed;
  auto metrics = calm();
  EXPECT_EQ(fed.feed(500, metrics), "");
  metrics.gradient_map *= 30;
  EXPECT_EQ(fed.feed(50, metrics), "");
  metrics.gradient_map *= 100;
  EXPECT_THAT(fed.feed(200, metrics), HasSubstr("the gradient of the map runs away"));
}

TEST(DivergenceWatch, HearsAMapWhosePushForwardRecedesFromTheTarget) {
  Fed fed;
  EXPECT_FALSE(fed.watch.add_evaluation(3, 1).has_value());
  EXPECT_FALSE(fed.watch.add_evaluation(11, 1).has_value());
  EXPECT_FALSE(fed.watch.add_evaluation(NAN, 1).has_value());
  EXPECT_THAT(fed.watch.add_evaluation(13, 1).value_or(""), HasSubstr("runs away from its target"));
}

TEST(DivergenceWatch, ARestoredWatchRaisesTheAlarmInTheSameIteration) {
  Fed whole, first;
  auto metrics = calm();
  metrics.loss_potential = 42;
  for (auto* fed : {&whole, &first}) {
    fed->feed(300, calm());
    fed->watch.add_evaluation(3, 1);
    fed->feed(10, metrics);
  }
  Fed second;
  second.watch.restore(first.watch.state());
  for (int64_t i = 0; i < 300; ++i) {
    const auto alarm = whole.watch.add(metrics);
    ASSERT_EQ(second.watch.add(metrics), alarm) << i;
    ASSERT_EQ(second.watch.state(), whole.watch.state()) << i;
    if (alarm) return;
  }
  FAIL() << "no alarm";
}

}  // namespace
}  // namespace monge::train
