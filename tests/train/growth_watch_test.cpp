#include "monge/train/growth_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A watch over a trainer of vectors, and what it logged. Items are in [-1, 1]^2 and the cost is the mean squared
/// difference, so the largest cost is below 4.
struct Watched {
  explicit Watched(const std::string& method = "strong")
      : trainer(trainer_in({}, recipe_for(method, /*image=*/false), /*image=*/false)) {
    watch.started(trainer, 0);
  }

  /// Feeds 40 iterations with these losses in turn.
  void feed(double even, double odd) {
    for (int64_t i = 0; i < 40; ++i) {
      watch.iteration_done(trainer, ++done, {.loss_potential = i % 2 == 0 ? even : odd});
    }
  }

  std::vector<std::string> messages;
  Trainer trainer;
  GrowthWatch watch{[this](LogLevel, const std::string& line) { messages.push_back(line); }};
  int64_t done = 0;
};

TEST(GrowthWatch, WarnsOnceWhenThePotentialExceedsTheLargestCost) {
  Watched run;
  run.feed(-0.3, 0.2);
  EXPECT_TRUE(run.messages.empty());
  run.feed(26, -27);  // swings: their mean is small, their size is not
  run.feed(90, -90);
  ASSERT_EQ(run.messages.size(), 1U);
  EXPECT_THAT(run.messages[0], AllOf(HasSubstr("the potential runs away: at iteration"), HasSubstr("largest cost"),
                                     HasSubstr("raise potential.r1 (0.2 with")));
}

TEST(GrowthWatch, OneWildBatchIsNoAlarm) {
  Watched run;
  run.feed(0.1, -0.1);
  run.watch.iteration_done(run.trainer, 41, {.loss_potential = 40});
  run.feed(0.1, -0.1);
  EXPECT_TRUE(run.messages.empty());
}

TEST(GrowthWatch, MeasuresTheCostOfLawsToo) {
  const auto law = data::open_source({.path = "toy:moons"}, silent());
  Trainer trainer(recipe_for("strong", /*image=*/false), {law, law, law, law}, torch::kCPU, {}, silent());
  GrowthWatch watch(silent());
  watch.started(trainer, 0);
  for (int64_t i = 1; i <= 40; ++i) watch.iteration_done(trainer, i, {.loss_potential = 1e6});
  EXPECT_TRUE(watch.warned());
}

TEST(GrowthWatch, DoesNotJudgePotentialsOfManyNoiseLevels) {
  Watched run("noised");
  run.feed(50, 50);
  EXPECT_TRUE(run.messages.empty());
}

}  // namespace
}  // namespace monge::train
