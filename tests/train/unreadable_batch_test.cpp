// A batch that cannot be read ends the training, which saves what came before and resumes as if nothing had happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <span>

#include "monge/core/error.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/iteration_batches.h"
#include "tests/support/ranks.h"
#include "tests/support/vanishing_source.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

constexpr int64_t kAlways = 1'000'000;

struct Sides {
  int64_t source = kAlways, target = kAlways;  ///< readings until the file vanishes
};

Recipe recipe_with(const std::string& update) {
  auto recipe = recipe_for("strong", false);
  recipe.train.update = update;
  recipe.train.iterations = 8;
  recipe.train.batch = 4;
  recipe.data.workers = 0;  // so that readings are counted by the batches that were requested
  if (update == "simultaneous") recipe.train.k_t = 1;
  return recipe;
}

void train_on(const fs::path& folder, const Recipe& recipe, const Sides& sides,
              dist::ProcessGroup& group = dist::ProcessGroup::single(), const Files& files = real_files(),
              const LogSink& log = silent()) {
  auto data = data_for(false);
  const int64_t first = group.is_root() ? 1 : 0;  // the root's watch for divergence looks at samples at the start
  data.source = std::make_shared<testing::VanishingSource>(data.source, first + sides.source);
  data.target = std::make_shared<testing::VanishingSource>(data.target, first + sides.target);
  Trainer trainer(recipe, data, torch::kCPU, group.is_root() ? folder : fs::path(), log, files, group);
  const bool resumes = !group.broadcast(list_checkpoints(folder / "checkpoints").empty() ? "" : "resumes").empty();
  if (resumes) {
    std::optional<Checkpoint> checkpoint;
    if (group.is_root()) checkpoint = load_newest(folder / "checkpoints", silent());
    trainer.resume(broadcast_from_root(group, std::move(checkpoint)));
  }
  trainer.run(std::atomic<bool>{false});
}

/// Expects the newest checkpoints of two runs to be equal bit by bit.
void expect_equal_ends(const fs::path& a, const fs::path& b) {
  const auto one = load_newest(a / "checkpoints", silent()), other = load_newest(b / "checkpoints", silent());
  EXPECT_EQ(one.iteration, other.iteration);
  ASSERT_EQ(one.tensors.size(), other.tensors.size());
  for (size_t i = 0; i < one.tensors.size(); ++i)
    EXPECT_TRUE(torch::equal(one.tensors[i].second, other.tensors[i].second)) << one.tensors[i].first;
}

// An alternating iteration takes three source batches here: two for the map, one for the potential.
struct Case {
  const char* name;
  std::string update, directions;
  Sides sides;
  int64_t whole;  ///< the last whole iteration
};

class UnreadableBatch : public ::testing::TestWithParam<Case> {};

TEST_P(UnreadableBatch, LosesNoWholeIteration) {
  const auto& c = GetParam();
  auto recipe = recipe_with(c.update);
  recipe.train.directions = c.directions;
  const testing::ScratchFolder undisturbed, folder;
  train_on(undisturbed.path(), recipe, {});
  EXPECT_THAT(message_of([&] { train_on(folder.path(), recipe, c.sides); }),
              HasSubstr("a/smile.png: No such file or directory"));
  EXPECT_THAT(names(folder / "checkpoints"), ElementsAre(text("step_00000", c.whole)));
  train_on(folder.path(), recipe, {});
  expect_equal_ends(folder.path(), undisturbed.path());
}

INSTANTIATE_TEST_SUITE_P(Of, UnreadableBatch,
                         ::testing::Values(Case{"TheFirstMapUpdate", "alternating", "forward", {.source = 9}, 3},
                                           Case{"TheSecondMapUpdate", "alternating", "forward", {.source = 10}, 3},
                                           Case{"ThePotential", "alternating", "forward", {.source = 11}, 3},
                                           Case{"TheTarget", "alternating", "forward", {.target = 3}, 3},
                                           Case{"TheReversedProblem", "alternating", "both", {.target = 7}, 2},
                                           Case{"ASimultaneousUpdate", "simultaneous", "forward", {.target = 5}, 5}),
                         [](const auto& instance) { return instance.param.name; });

// Workers read ahead, so the failure is found before its batch is due; what is not due must not end the training.
TEST(UnreadableBatches, AreReportedWhenTheyAreDueWhateverWorkersReadAhead) {
  auto recipe = recipe_with("alternating");
  const testing::ScratchFolder undisturbed, folder;
  train_on(undisturbed.path(), recipe, {});
  recipe.data.workers = 1;
  EXPECT_NE(message_of([&] { train_on(folder.path(), recipe, {.source = 13}); }), "");
  EXPECT_THAT(names(folder / "checkpoints"), ElementsAre("step_000004"));
  train_on(folder.path(), recipe, {});
  expect_equal_ends(folder.path(), undisturbed.path());
}

TEST(UnreadableBatches, OfTheFirstIterationLeaveNothingToSave) {
  const testing::ScratchFolder folder;
  EXPECT_NE(message_of([&] { train_on(folder.path(), recipe_with("alternating"), {.source = 2}); }), "");
  EXPECT_THAT(names(folder / "checkpoints"), ElementsAre());
}

class Full : public Files {
  void write(const fs::path&, std::span<const std::string_view>) const override {
    throw SystemError("No space left on device");
  }
};

// The file that cannot be read is the reason of the end, not the disk.
TEST(UnreadableBatches, AreNamedAlsoWhereTheLastCheckpointCannotBeSaved) {
  const testing::ScratchFolder folder;
  std::string warnings;
  const LogSink log = [&](LogLevel level, const std::string& line) {
    if (level == LogLevel::warning) warnings += line;
  };
  EXPECT_THAT(message_of([&] {
                train_on(folder.path(), recipe_with("alternating"), {.source = 9}, dist::ProcessGroup::single(), Full(),
                         log);
              }),
              HasSubstr("a/smile.png"));
  EXPECT_THAT(warnings, AllOf(HasSubstr("no checkpoint of iteration 3 was saved"), HasSubstr("No space left")));
}

// The root cannot save, and another rank cannot read: both stay in step, and all say what could not be read.
TEST(UnreadableBatches, OfARankAreNamedAlsoWhereTheRootCannotSave) {
  const testing::ScratchFolder folder;
  std::mutex guard;
  std::vector<std::string> messages;
  testing::run_ranks(2, [&](auto& group) {
    const Sides sides{.source = group.rank() == 1 ? 10 : kAlways};
    std::string message;
    try {
      train_on(folder.path(), recipe_with("alternating"), sides, group, Full());
    } catch (const dist::CommonError& error) {
      message = error.what();
      group.barrier();
    }
    const std::lock_guard lock(guard);
    messages.push_back(message);
  });
  EXPECT_EQ(messages[0], messages[1]);
  EXPECT_THAT(messages[0], AllOf(HasSubstr("rank 1 on host"), HasSubstr("a/smile.png")));
}

// The other ranks have their batches. They must neither wait for this one nor lose the iterations before.
TEST(UnreadableBatches, OfAnyRankSaveTheIterationsOfAll) {
  const auto recipe = recipe_with("alternating");
  const testing::ScratchFolder undisturbed;
  testing::run_ranks(2, [&](auto& group) { train_on(undisturbed.path(), recipe, {}, group); });
  for (const int64_t bad : {0, 1}) {
    const testing::ScratchFolder folder;
    std::mutex guard;
    std::vector<std::string> messages;
    testing::run_ranks(2, [&](auto& group) {
      const Sides sides{.source = group.rank() == bad ? 10 : kAlways};
      std::string message;
      try {
        train_on(folder.path(), recipe, sides, group);
      } catch (const dist::CommonError& error) {
        message = error.what();
        group.barrier();  // no rank closes its connections before the others have read the message
      }
      const std::lock_guard lock(guard);
      messages.push_back(message);
    });
    EXPECT_EQ(messages[0], messages[1]);
    EXPECT_THAT(messages[0], AllOf(HasSubstr(text("rank ", bad, " on host")), HasSubstr("a/smile.png")));
    EXPECT_THAT(names(folder / "checkpoints"), ElementsAre("step_000003"));
    testing::run_ranks(2, [&](auto& group) { train_on(folder.path(), recipe, {}, group); });
    expect_equal_ends(folder.path(), undisturbed.path());
  }
}

}  // namespace
}  // namespace monge::train
