// A save of a checkpoint that is stopped, or refused, at each of its operations on files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cerrno>
#include <cstring>

#include "monge/core/error.h"
#include "monge/train/checkpoint_name.h"
#include "monge/train/trainer.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/stops.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using testing::FaultyFileSystem;

constexpr auto kCopy = fs::copy_options::recursive | fs::copy_options::copy_symlinks;

/// Finds iteration 2 good and 4 better. Copies the run at iteration 3.
struct BetterAtFour : Observer {
  explicit BetterAtFour(fs::path copy_to) : copy(std::move(copy_to)) {}
  void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics&) override {
    if (done == 2 || done == 4) trainer.offer_best(1.0 / static_cast<double>(done));
    if (done == 3 && !copy.empty()) fs::copy(trainer.folder(), copy, kCopy);
  }
  fs::path copy;
};

/// Trains the run in `folder` to its end, from its newest checkpoint if it has one.
void train_in(const fs::path& folder, const fs::path& copy = {}) {
  auto recipe = recipe_for("strong", false);
  recipe.train.iterations = 6;
  recipe.checkpoint.every = 2;
  recipe.checkpoint.keep = 1;
  BetterAtFour metric(copy);
  auto trainer = trainer_in(folder, recipe, false);
  trainer.attach(metric);
  if (!list_checkpoints(folder / "checkpoints").empty()) trainer.resume(load_newest(folder / "checkpoints", silent()));
  trainer.run(std::atomic<bool>{false});
}

/// A run with a checkpoint of iteration 2, which is the best, and what becomes of it undisturbed.
class DisturbedSave : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    before_ = new testing::ScratchFolder;
    after_ = new testing::ScratchFolder;
    train_in(after_->path(), *before_ / "run");
  }
  static void TearDownTestSuite() { delete before_, delete after_; }

  struct Attempt {
    Attempt() { fs::copy(*before_ / "run", run(), kCopy), fs::create_directory(scratch / "trash"); }
    fs::path run() const { return scratch / "run"; }
    testing::ScratchFolder scratch;
    FaultyFileSystem files{scratch / "trash"};
    std::string thrown;
  };

  /// Trains on to the end, while the faults happen.
  static void act(Attempt& attempt) {
    const ScopedFileSystem faulty(attempt.files);
    try {
      train_in(attempt.run());
    } catch (const Error& error) {
      attempt.thrown = error.what();
    }
  }

  /// A step that is there is whole and the undisturbed one's, and so is the best.
  static void expect_whole(const Attempt& attempt) {
    const auto newest = load_newest(attempt.run() / "checkpoints", silent());
    const auto step = checkpoint_name(newest.iteration);
    const auto reference = newest.iteration == 2 ? *before_ / "run" : after_->path();
    for (const auto& folder : list_checkpoints(attempt.run() / "checkpoints")) {
      if (folder.filename().string().find(step) == std::string::npos) continue;
      EXPECT_EQ(testing::contents_below(folder), testing::contents_below(reference / "checkpoints" / step)) << folder;
    }
    EXPECT_NO_THROW(load_checkpoint(attempt.run() / "best"));
  }

  /// The next run finishes as the undisturbed one and leaves nothing besides.
  static void expect_same_end(const Attempt& attempt) {
    testing::act_again(attempt.scratch, [&] { train_in(attempt.run()); });
    EXPECT_EQ(testing::contents_below(attempt.run()), testing::contents_below(after_->path()));
  }

  static testing::ScratchFolder *before_, *after_;
};

testing::ScratchFolder *DisturbedSave::before_, *DisturbedSave::after_;

TEST_F(DisturbedSave, AStopAnywhereLeavesTheStepOrTheOneBefore) {
  for (const auto loss : {-1, static_cast<int>(FaultyFileSystem::Loss::content),
                          static_cast<int>(FaultyFileSystem::Loss::content_and_names)}) {
    for (int64_t at = 1;; ++at) {
      Attempt attempt;
      attempt.files.stop_at(at);
      act(attempt);
      if (attempt.files.operations() < at) {
        EXPECT_GT(at, 15);
        break;
      }
      if (loss >= 0) attempt.files.lose(static_cast<FaultyFileSystem::Loss>(loss));
      SCOPED_TRACE(text("stop at ", at, ": ", attempt.files.refused(), ", loss ", loss));
      expect_whole(attempt);
      expect_same_end(attempt);
      if (HasFailure()) return;
    }
  }
}

TEST_F(DisturbedSave, ARefusalAnywhereIsSaidOrMadeUpFor) {
  struct Refusal {
    int reason;
    bool lasts;
  };
  std::vector<Refusal> refusals = {{ENOSPC, false}, {EROFS, true}, {ENOENT, true}};
  if (testing::tests_all_faults()) refusals.insert(refusals.end(), {{EIO, false}, {EDQUOT, false}, {ESTALE, true}});
  for (const auto& [reason, lasts] : refusals) {
    for (int64_t at = 1;; ++at) {
      Attempt attempt;
      lasts ? attempt.files.refuse_from(at, reason) : attempt.files.refuse(at, reason);
      act(attempt);
      if (attempt.files.operations() < at) break;
      SCOPED_TRACE(text("refused at ", at, ": ", attempt.files.refused(), ": ", std::strerror(reason)));
      expect_whole(attempt);
      if (!attempt.thrown.empty()) {
        EXPECT_THAT(attempt.thrown, ::testing::HasSubstr(std::strerror(reason)));
        EXPECT_THAT(attempt.thrown, ::testing::HasSubstr(attempt.run().string()));
      } else {
        EXPECT_EQ(load_newest(attempt.run() / "checkpoints", silent()).iteration, 6);
      }
      if (!lasts && !attempt.files.refused_a_removal()) {
        for (const auto& [name, content] : testing::contents_below(attempt.run()))
          EXPECT_EQ(name.find(".part"), std::string::npos) << name << " was left";
      }
      expect_same_end(attempt);
      if (HasFailure()) return;
    }
  }
}

/// Also what no later save of the same step replaces.
TEST_F(DisturbedSave, TheNextRunRemovesWhatKilledSavesLeft) {
  const Attempt attempt;
  const auto checkpoints = attempt.run() / "checkpoints";
  fs::copy(checkpoints / "step_000002", checkpoints / ".step_000001.part", kCopy);
  fs::copy(checkpoints / "step_000002", checkpoints / ".step_000002.old", kCopy);
  fs::create_directory_symlink("checkpoints/step_000001", attempt.run() / ".best.part");
  expect_same_end(attempt);
}

/// After a stop between the last save of a run and the link to it, no later save renews the link.
TEST_F(DisturbedSave, AResumedRunRenewsTheLinkToTheBest) {
  const Attempt attempt;
  fs::remove(attempt.run() / "best");
  fs::create_directory_symlink("checkpoints/step_000001", attempt.run() / "best");
  trainer_in(attempt.run(), recipe_for("strong", false), false)
      .resume(load_newest(attempt.run() / "checkpoints", silent()));
  EXPECT_EQ(fs::read_symlink(attempt.run() / "best"), "checkpoints/step_000002");
}

/// A step that is written again, with and without an exchange of folders: old or new, and never none.
TEST_F(DisturbedSave, ARewriteThatStopsLeavesTheOldOrTheNew) {
  const auto old = load_newest(*before_ / "run" / "checkpoints", silent());
  auto renewed = old;
  renewed.best_metric = 0.125;
  for (const bool exchanges : {true, false}) {
    for (const auto loss : {-1, static_cast<int>(FaultyFileSystem::Loss::content),
                            static_cast<int>(FaultyFileSystem::Loss::content_and_names)}) {
      for (int64_t at = 1;; ++at) {
        Attempt attempt;
        const auto parent = attempt.run() / "checkpoints";
        if (!exchanges) attempt.files.lack_exchange();
        attempt.files.stop_at(at);
        {
          const ScopedFileSystem faulty(attempt.files);
          try {
            save_checkpoint(parent, renewed);
          } catch (const SystemError&) {
          }
        }
        if (attempt.files.operations() < at) break;
        if (loss >= 0) attempt.files.lose(static_cast<FaultyFileSystem::Loss>(loss));
        SCOPED_TRACE(text("stop at ", at, ": ", attempt.files.refused(), ", loss ", loss, ", exchange ", exchanges));
        const auto found = load_newest(parent, silent());
        EXPECT_EQ(found.iteration, 2);
        EXPECT_TRUE(found.best_metric == old.best_metric || found.best_metric == renewed.best_metric);
        save_checkpoint(parent, renewed);
        prune_checkpoints(parent, 2, {});
        EXPECT_EQ(load_newest(parent, silent()).best_metric, 0.125);
        EXPECT_EQ(std::distance(fs::directory_iterator(parent), fs::directory_iterator()), 1);
        if (HasFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace monge::train
