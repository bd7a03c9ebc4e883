// Checkpoints: whole or absent, and verified.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <fstream>
#include <limits>

#include "monge/core/error.h"
#include "monge/model/model.h"
#include "monge/train/trainer.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Checkpoint, KeepsTheLastFew) {
  const ShortRun run(2);
  EXPECT_THAT(names(run.checkpoints()), ::testing::ElementsAre("step_000004", "step_000006"));
}

TEST(Checkpoint, KeepsTheBestBesideThem) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.train.iterations = 8;
  recipe.checkpoint.every = 2;
  recipe.checkpoint.keep = 1;
  struct Evaluator : Observer {  // iteration 3 is the best
    void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics&) override {
      trainer.offer_best(done == 3 ? 0.5 : 1.0);
    }
  } evaluator;
  auto trainer = trainer_in(folder.path(), recipe, false);
  trainer.attach(evaluator);
  const std::atomic<bool> go{false};
  trainer.run(go);
  EXPECT_EQ(fs::read_symlink(folder / "best"), "checkpoints/step_000003");
  EXPECT_THAT(names(folder / "checkpoints"), ::testing::ElementsAre("step_000003", "step_000008"));
  EXPECT_EQ(load_checkpoint(folder / "best").iteration, 3);
  EXPECT_EQ(model::load_model(folder / "best", torch::kCPU, silent()).iteration, 3);
}

TEST(Checkpoint, WhatIsNotANumberIsNeverTheBest) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.train.iterations = 4;
  struct Evaluator : Observer {
    void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics&) override {
      constexpr double kMetrics[] = {std::numeric_limits<double>::quiet_NaN(), 0.5,
                                     std::numeric_limits<double>::quiet_NaN(),
                                     -std::numeric_limits<double>::infinity()};
      trainer.offer_best(kMetrics[done - 1]);
    }
  } evaluator;
  auto trainer = trainer_in(folder.path(), recipe, false);
  trainer.attach(evaluator);
  trainer.run(std::atomic<bool>{false});
  EXPECT_EQ(trainer.best_metric(), 0.5);
  EXPECT_EQ(trainer.best_iteration(), 2);
  EXPECT_EQ(fs::read_symlink(folder / "best"), "checkpoints/step_000002");
}

TEST(Checkpoint, AFlippedBitFallsBackToTheOneBeforeAndSaysSo) {
  const ShortRun run;
  const auto file = run.checkpoints() / "step_000006" / "state.safetensors";
  std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
  damaged.seekg(static_cast<std::streamoff>(fs::file_size(file) / 2));
  char byte = 0;
  damaged.get(byte);
  damaged.seekp(static_cast<std::streamoff>(fs::file_size(file) / 2));
  damaged.put(static_cast<char>(byte ^ 1));
  damaged.close();

  std::string logged;
  const LogSink log = [&](LogLevel level, const std::string& line) {
    if (level == LogLevel::warning) logged += line;
  };
  EXPECT_EQ(load_newest(run.checkpoints(), log).iteration, 4);
  EXPECT_THAT(logged, AllOf(HasSubstr("step_000006"), HasSubstr("damaged"), HasSubstr("falling back"),
                            HasSubstr("step_000004")));
}

// A flipped digit of the manifest must be found like a flipped weight: step 6 must not be resumed as step 7.
TEST(Checkpoint, AChangedManifestIsDamageToo) {
  const ShortRun run;
  const auto file = run.checkpoints() / "step_000006" / "manifest.json";
  auto manifest = real_files().read(file);
  manifest.replace(manifest.find("\"iteration\": 6"), 14, "\"iteration\": 7");
  real_files().replace(file, manifest);
  EXPECT_THAT(testing::message_of([&] { load_checkpoint(file.parent_path()); }),
              AllOf(HasSubstr("manifest.json"), HasSubstr("damaged")));
  EXPECT_EQ(load_newest(run.checkpoints(), silent()).iteration, 4);
  real_files().replace(file, "{\"format\": 3}");
  EXPECT_EQ(load_newest(run.checkpoints(), silent()).iteration, 4);
}

TEST(Checkpoint, ADamagedOneNeitherCountsNorReturnsAfterAResume) {
  const ShortRun run(1);
  auto recipe = run.recipe;
  recipe.train.iterations = 10;
  {
    auto trainer = trainer_in(run.folder.path(), recipe, false);
    trainer.resume(load_newest(run.checkpoints(), silent()));
    trainer.run(std::atomic<bool>{false});
  }
  fs::rename(run.checkpoints() / "step_000010", run.checkpoints() / "step_000099");  // newer, but named wrongly
  auto trainer = trainer_in(run.folder.path(), run.recipe, false);
  Checkpoint early;
  early.iteration = 4;
  early.tensors = trainer.solver().state();
  trainer.resume(early);
  trainer.save();
  EXPECT_THAT(names(run.checkpoints()), ::testing::ElementsAre("step_000004"));
  EXPECT_TRUE(fs::exists(run.checkpoints() / "damaged_step_000099"));
}

// Compared as texts, "step_999500" comes after "step_1000000".
TEST(Checkpoint, StepsAreComparedAsNumbers) {
  testing::ScratchFolder folder;
  for (const char* name : {"step_999500", "step_1000000", "step_1000500"}) fs::create_directory(folder / name);
  set_aside_newer(folder.path(), 1'000'000);
  EXPECT_THAT(names(folder.path()), ::testing::ElementsAre("step_999500", "step_1000000"));
  EXPECT_TRUE(fs::exists(folder / "damaged_step_1000500"));
  set_aside_newer(folder.path(), 999'500);
  EXPECT_THAT(names(folder.path()), ::testing::ElementsAre("step_999500"));
}

// The best of a run may have been set aside when its iteration is repeated and set aside again.
TEST(Checkpoint, WhatWasSetAsideAndIsSparedIsNotReplaced) {
  testing::ScratchFolder folder;
  for (const char* name : {"diverged_step_001000", "diverged_step_002000", "step_001000", "step_002000"}) {
    fs::create_directory(folder / name);
    std::ofstream(folder / name / "from") << name;
  }
  set_aside_newer(folder.path(), 500, "diverged", "diverged_step_001000");
  EXPECT_THAT(names(folder.path()), ::testing::ElementsAre());
  EXPECT_EQ(real_files().read(folder / "diverged_step_001000" / "from"), "diverged_step_001000");
  EXPECT_EQ(real_files().read(folder / "diverged_step_002000" / "from"), "step_002000");
}

/// A file system that cannot exchange folders, on a machine that stops before the new one has its name.
class StopsInARewrite : public Files {
 public:
  bool exchange(const fs::path&, const fs::path&) const override { return false; }
  void publish(const fs::path&, const fs::path& to) const override {
    throw SystemError(to.string() + ": the machine stopped");
  }
};

TEST(Checkpoint, AStepThatIsWrittenAgainIsNeverGone) {
  const ShortRun run;
  const auto parent = run.checkpoints();
  auto checkpoint = load_newest(parent, silent());
  checkpoint.best_metric = 0.25;
  EXPECT_THAT(testing::message_of([&] { save_checkpoint(parent, checkpoint, StopsInARewrite()); }),
              HasSubstr("stopped"));
  EXPECT_EQ(load_newest(parent, silent()).iteration, 6);
  EXPECT_EQ(load_newest(parent, silent()).best_metric, std::nullopt);

  for (int i = 0; i < 2; ++i) save_checkpoint(parent, checkpoint);
  EXPECT_EQ(load_newest(parent, silent()).best_metric, 0.25);
  for (const auto& entry : fs::directory_iterator(parent)) {
    EXPECT_TRUE(entry.path().filename().string().starts_with("step_")) << entry.path() << " was left behind";
  }
}

TEST(Checkpoint, SaysWhatIsWrongWithEachWhenNoneCanBeUsed) {
  const ShortRun run;
  for (const auto& folder : list_checkpoints(run.checkpoints())) fs::resize_file(folder / "state.safetensors", 100);
  EXPECT_THAT(testing::message_of([&] { load_newest(run.checkpoints(), silent()); }),
              AllOf(HasSubstr("no checkpoint can be used"), HasSubstr("step_000002"), HasSubstr("step_000006")));
  EXPECT_THAT(testing::message_of([&] { load_newest(run.folder / "none", silent()); }),
              HasSubstr("has no checkpoint yet"));
}

/// A disk with room for a limited number of bytes.
class FullDisk : public Files {
 public:
  explicit FullDisk(int64_t room) : room_(room) {}
  void write(const fs::path& path, std::span<const std::string_view> parts) const override {
    for (const auto part : parts) room_ -= static_cast<int64_t>(part.size());
    if (room_ < 0) throw SystemError(path.string() + ": cannot write: No space left on device");
    Files::write(path, parts);
  }

 private:
  mutable int64_t room_;
};

TEST(Checkpoint, AFullDiskLosesNothingThatWasSaved) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.checkpoint.every = 2;
  recipe.train.iterations = 100;
  const FullDisk disk(100'000);
  auto trainer = trainer_in(folder.path(), recipe, false, silent(), disk);
  const std::atomic<bool> go{false};
  EXPECT_THAT(testing::message_of([&] { trainer.run(go); }), HasSubstr("No space left"));
  EXPECT_EQ(trainer.done(), 100);  // it went on from memory and failed at its end
  const auto left = names(folder / "checkpoints");
  ASSERT_FALSE(left.empty());
  for (const auto& name : left) EXPECT_NO_THROW(load_checkpoint(folder / "checkpoints" / name)) << name;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints")) {
    EXPECT_FALSE(entry.path().filename().string().ends_with(".part")) << "a torn checkpoint was left behind";
  }
}

TEST(Checkpoint, ARecipeThatDoesNotFitIsRefused) {
  const ShortRun run;
  auto recipe = run.recipe;
  recipe.map.width = 8;
  auto trainer = trainer_in(run.folder.path(), recipe, false);
  EXPECT_THAT(testing::message_of([&] { trainer.resume(load_newest(run.checkpoints(), silent())); }),
              HasSubstr("shape"));
}

}  // namespace
}  // namespace monge::train
