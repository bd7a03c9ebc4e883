// A training that diverges on a source without a density continues as method otp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <string>
#include <utility>

#include "monge/core/number.h"
#include "monge/train/smoothed_recipe.h"
#include "tests/support/ranks.h"
#include "tests/train/exploding_recipe.h"

namespace monge::train {
namespace {

using ::testing::HasSubstr;

/// A segment along the first axis, and one along the second.
TrainingData segments() {
  const auto along = [](int64_t axis) {
    auto rows = torch::zeros({23, 2});
    rows.select(1, axis) = torch::linspace(-1, 1, 23);
    return std::make_shared<data::TensorSource>("segment", rows);
  };
  const auto source = along(0), target = along(1);
  return {source, target, source, target};
}

Trainer trainer_of(const fs::path& folder, const Recipe& recipe, const LogSink& log = silent()) {
  return Trainer(recipe, segments(), torch::kCPU, folder, log);
}

/// The root mean square of the 23 places on a segment.
const double kLevel = std::stod(number(std::sqrt(torch::linspace(-1, 1, 23).square().mean().item<double>()), 3));

const std::atomic<bool> kNoStop{false};

TEST(SmoothedReturn, ContinuesAsAPlan) {
  testing::ScratchFolder folder;
  std::string warnings;
  auto trainer = trainer_of(folder.path(), exploding_recipe(), [&](LogLevel level, const std::string& line) {
    if (level == LogLevel::warning) warnings += line + "\n";
  });
  trainer.run(kNoStop);
  ASSERT_FALSE(trainer.interventions().empty());
  EXPECT_EQ(trainer.interventions()[0].rate, 1);
  EXPECT_GT(trainer.interventions()[0].r1, 0);
  for (const auto& intervention : trainer.interventions()) EXPECT_DOUBLE_EQ(intervention.smoothing, kLevel);
  if (trainer.interventions().size() > 1) EXPECT_DOUBLE_EQ(trainer.interventions()[1].rate, 0.3);
  EXPECT_THAT(warnings, HasSubstr("continues with a smoothed source (method = \"otp\" with eps = "));
  EXPECT_EQ(trainer.recipe().method, "otp");
  EXPECT_DOUBLE_EQ(trainer.solver().method().smoothing(trainer.done()).eps, kLevel);
  // What is saved is used as a plan.
  const auto saved = saved_recipe(load_newest(folder / "checkpoints", silent()).recipe_toml, "recipe");
  EXPECT_EQ(saved.method, "otp");
  EXPECT_EQ(saved.section<ot::OtpOptions>().cost, "strong");
  EXPECT_DOUBLE_EQ(saved.section<ot::OtpOptions>().level_at_end(), kLevel);
}

// With the recipe of the checkpoint or with that of the run's beginning.
TEST(SmoothedReturn, IsResumedToTheBit) {
  struct StopsAfterIt : Observer {
    void rolled_back(Trainer& trainer, const std::string&) override { at = trainer.done() + 20; }
    void iteration_done(Trainer&, int64_t done, const solve::IterationMetrics&) override { stop = done == at; }
    int64_t at = -1;
    std::atomic<bool> stop{false};
  };
  testing::ScratchFolder straight;
  auto whole = trainer_of(straight.path(), exploding_recipe());
  whole.run(kNoStop);
  for (const bool own_recipe : {true, false}) {
    testing::ScratchFolder broken;
    StopsAfterIt stops;
    auto half = trainer_of(broken.path(), exploding_recipe());
    half.attach(stops);
    ASSERT_FALSE(half.run(stops.stop));
    const auto checkpoint = load_newest(broken / "checkpoints", silent());
    auto rest =
        trainer_of(broken.path(), own_recipe ? saved_recipe(checkpoint.recipe_toml, "recipe") : exploding_recipe());
    rest.resume(checkpoint);
    rest.run(kNoStop);
    EXPECT_EQ(rest.interventions().size(), whole.interventions().size());
    const auto x = whole.solver().state(), y = rest.solver().state();
    ASSERT_EQ(x.size(), y.size());
    for (size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(torch::equal(x[i].second, y[i].second)) << x[i].first;
  }
}

TEST(SmoothedReturn, IsTakenByAllRanks) {
  std::vector<nn::NamedTensors> states(2);
  testing::run_ranks(2, [&](dist::ProcessGroup& group) {
    auto recipe = exploding_recipe();
    recipe.train.batch = 6;
    Trainer trainer(recipe, segments(), torch::kCPU, {}, silent(), real_files(), group);
    trainer.run(kNoStop);
    EXPECT_EQ(trainer.recipe().method, "otp");
    for (const auto& [name, tensor] : trainer.solver().state())
      states[static_cast<size_t>(group.rank())].emplace_back(name, tensor.clone());
  });
  for (size_t i = 0; i < states[0].size(); ++i)
    EXPECT_TRUE(torch::equal(states[0][i].second, states[1][i].second)) << states[0][i].first;
}

TEST(SmoothedReturn, IsForVectorsWithoutADensityAndMethodsWithoutNoise) {
  const auto thin = measure_source(*segments().source, 0);
  const auto wide = measure_source(*data_for(false).source, 0);
  const auto of = [](const std::string& method) { return recipe_for(method, false); };
  EXPECT_DOUBLE_EQ(level_to_smooth(of("strong"), thin, {2}).value_or(0), kLevel);
  EXPECT_FALSE(level_to_smooth(of("strong"), wide, {2}).has_value());
  EXPECT_FALSE(level_to_smooth(of("strong"), thin, {3, 16, 16}).has_value());
  for (const char* method : {"weak", "kernel", "otp", "noised", "light"})
    EXPECT_FALSE(level_to_smooth(of(method), thin, {2}).has_value()) << method;
}

}  // namespace
}  // namespace monge::train
