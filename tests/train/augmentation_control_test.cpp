// The adaptive strength of augmentation: it rises while the potential overfits, and is part of a run's state.
#include "monge/train/augmentation_control.h"

#include <gmock/gmock.h>

#include "tests/support/ranks.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

/// Four target images for training and 40 others of the same law, held out.
TrainingData few_images() {
  auto data = data_for(true);
  const auto images = [](int64_t count, int64_t step) {
    return std::make_shared<data::TensorSource>(
        "images", torch::rand({count, 3, 16, 16}, RandomStreams(8).at("images", step)) * 2 - 1);
  };
  data.target = images(4, 0);
  data.held_target = images(40, 1);
  return data;
}

Recipe adaptive_recipe() {
  auto recipe = recipe_for("strong", true);
  recipe.potential.augment = "all";
  recipe.potential.r1 = recipe.potential.expectile = 0;
  recipe.train.lr_potential = 5e-3;
  recipe.train.iterations = 40;
  recipe.train.on_divergence = "ignore";  // the potential of four images outgrows their cost, as it should here
  return recipe;
}

Trainer trainer_of_few(const fs::path& folder, const Recipe& recipe) {
  return Trainer(recipe, few_images(), torch::kCPU, folder, silent());
}

TEST(AugmentationControl, RisesForAPotentialThatRemembersItsSamples) {
  const std::atomic<bool> go{false};
  auto recipe = adaptive_recipe();
  auto trainer = trainer_of_few("", recipe);
  trainer.run(go);
  const auto state = trainer.solver().augmentation_state();
  EXPECT_GT(state[1].item<double>(), recipe.potential.augment_goal);  // it overfits
  EXPECT_GT(state[0].item<double>(), 0.3);                            // of at most 0.8

  recipe.potential.augment_goal = 10;
  auto never = trainer_of_few("", recipe);
  never.run(go);
  EXPECT_EQ(never.solver().augmentation_state()[0].item<double>(), 0);
}

TEST(AugmentationControl, ResumesToTheBit) {
  const std::atomic<bool> go{false};
  const auto recipe = adaptive_recipe();
  auto whole = trainer_of_few("", recipe);
  whole.run(go);

  const ScratchFolder folder;
  std::atomic<bool> stop{false};
  StopAt watcher(20, stop);
  auto half = trainer_of_few(folder.path(), recipe);
  half.attach(watcher);
  EXPECT_FALSE(half.run(stop));
  EXPECT_GT(half.solver().augmentation_state()[0].item<double>(), 0);  // else the rest would not need it
  auto rest = trainer_of_few(folder.path(), recipe);
  rest.resume(load_newest(folder.path() / "checkpoints", silent()));
  EXPECT_TRUE(rest.run(go));
  const auto a = whole.solver().state(), b = rest.solver().state();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;
}

TEST(AugmentationControl, IsThatOfTheRootOnAllRanks) {
  const std::atomic<bool> go{false};
  auto recipe = adaptive_recipe();
  recipe.train.batch = 6;
  std::vector<torch::Tensor> states(2);
  testing::run_ranks(2, [&](dist::ProcessGroup& group) {
    Trainer trainer(recipe, few_images(), torch::kCPU, "", silent(), real_files(), group);
    trainer.run(go);
    states[static_cast<size_t>(group.rank())] = trainer.solver().augmentation_state().clone();
  });
  EXPECT_GT(states[0][0].item<double>(), 0.3);
  EXPECT_TRUE(torch::equal(states[0], states[1]));
}

TEST(AugmentationControl, NamesWhatItNeeds) {
  auto recipe = adaptive_recipe();
  EXPECT_THAT(message_of([&] { trainer_in("", recipe, true); }),
              AllOf(HasSubstr("held out"), HasSubstr("eval.holdout")));
  EXPECT_THAT(message_of([&] {
                auto vectors = recipe_for("strong", false);
                vectors.potential.augment = "colour";
                vectors.potential.augment_strength = 0.3;
                trainer_in("", vectors, false);
              }),
              HasSubstr("vectors"));
  recipe.method = "noised";
  EXPECT_THAT(message_of([&] { trainer_of_few("", recipe); }), HasSubstr("noise level"));
}

}  // namespace
}  // namespace monge::train
