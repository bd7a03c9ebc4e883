// What a trainer does about a training that diverges (docs/divergence.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "monge/core/error.h"
#include "monge/train/checkpoint_name.h"
#include "tests/support/ranks.h"
#include "tests/train/exploding_recipe.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Heard : Observer {
  void rolled_back(Trainer& trainer, const std::string& message) override {
    messages.push_back(message);
    if (stop_after > 0) armed = trainer.done() + stop_after;
  }
  void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) override {
    largest = std::max(largest, std::abs(metrics.loss_potential));
    last = metrics.loss_potential;
    if (done == stop_at || (done == armed && stop_after > 0)) stop = true;
    static_cast<void>(trainer);
  }
  std::vector<std::string> messages;
  double largest = 0, last = 0;
  int64_t stop_at = -1, stop_after = 0, armed = -1;
  std::atomic<bool> stop{false};
};

void expect_same_state(const Trainer& a, const Trainer& b) {
  const auto x = a.solver().state(), y = b.solver().state();
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(torch::equal(x[i].second, y[i].second)) << x[i].first;
}

TEST(Rollback, ExplodesWithoutItAndIsToldOnce) {
  std::vector<std::string> lines;
  const auto log = [&](LogLevel level, const std::string& line) {
    if (level == LogLevel::warning) lines.push_back(line);
  };
  auto trainer = trainer_in({}, exploding_recipe("ignore"), false, log);
  Heard heard;
  trainer.attach(heard);
  trainer.run(heard.stop);
  EXPECT_GT(heard.largest, 50);  // the largest cost is below 4
  EXPECT_THAT(trainer.interventions(), IsEmpty());
  EXPECT_THAT(lines, ElementsAre(AllOf(HasSubstr("the training diverges at iteration"), HasSubstr("runs away"),
                                       HasSubstr("on_divergence = \"ignore\""), HasSubstr("potential.r1 = "))));
}

TEST(Rollback, EndsInATrainingThatIsCalm) {
  testing::ScratchFolder folder;
  std::vector<std::string> lines;
  const auto log = [&](LogLevel, const std::string& line) { lines.push_back(line); };
  auto trainer = trainer_in(folder.path(), exploding_recipe("rollback"), false, log);
  Heard heard;
  trainer.attach(heard);
  EXPECT_TRUE(trainer.run(heard.stop));
  EXPECT_EQ(trainer.done(), 700);
  ASSERT_FALSE(trainer.interventions().empty());
  EXPECT_EQ(heard.messages.size(), trainer.interventions().size());
  EXPECT_LT(std::abs(heard.last), 4);
  const auto& first = trainer.interventions().front();
  EXPECT_DOUBLE_EQ(first.rate, 0.3);
  EXPECT_GT(first.r1, 0);
  EXPECT_EQ(first.r1_every, 2);
  EXPECT_LT(first.restored, first.alarm);
  EXPECT_THAT(lines, ::testing::Contains(AllOf(HasSubstr("the training diverged at iteration"),
                                               HasSubstr("It returns to iteration"), HasSubstr("0.3 times"))));
  const auto saved = load_newest(folder / "checkpoints", silent());
  EXPECT_EQ(saved.interventions.size(), trainer.interventions().size());
  EXPECT_EQ(saved.iteration, 700);
}

/// Finds each saved iteration better than the one before, so that it is saved as the best before it is due.
struct AlwaysBetter : Observer {
  void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics&) override {
    if (done % 100 == 0) trainer.offer_best(1.0 / static_cast<double>(done));
  }
};

/// Rates that rise slowly, so that several checkpoints are sound before the training explodes.
Recipe exploding_late() {
  auto recipe = exploding_recipe("rollback");
  recipe.train.warmup = 600;
  return recipe;
}

// The best checkpoint of an iteration is saved before the training knows that its state is sound.
TEST(Rollback, ARunThatWasKilledRepeatsItToTheBitFromItsBestCheckpoint) {
  const std::atomic<bool> go{false};
  testing::ScratchFolder straight, broken;
  AlwaysBetter metric;
  auto whole = trainer_in(straight.path(), exploding_late(), false);
  whole.attach(metric);
  whole.run(go);
  ASSERT_FALSE(whole.interventions().empty());
  const auto& first = whole.interventions().front();
  ASSERT_GE(first.restored, 100);
  {
    auto half = trainer_in(broken.path(), exploding_late(), false);
    half.attach(metric);
    Heard stops;
    stops.stop_at = first.alarm - 7;
    half.attach(stops);
    ASSERT_FALSE(half.run(stops.stop));
  }
  auto rest = trainer_in(broken.path(), exploding_late(), false);
  rest.resume(load_checkpoint(broken.path() / "checkpoints" / checkpoint_name(first.restored)));
  rest.attach(metric);
  EXPECT_TRUE(rest.run(go));
  EXPECT_EQ(to_json(rest.interventions()), to_json(whole.interventions()));
  expect_same_state(whole, rest);
}

// A checkpoint of a monge without the watch, or of a training that ignored divergences.
TEST(Rollback, NeverThrowsAwayWhatARunWasResumedFrom) {
  testing::ScratchFolder folder;
  const std::atomic<bool> go{false};
  auto recipe = exploding_late();
  recipe.train.on_divergence = "ignore";
  recipe.train.iterations = 150;
  trainer_in(folder.path(), recipe, false).run(go);
  auto rest = trainer_in(folder.path(), exploding_late(), false);
  auto checkpoint = load_newest(folder / "checkpoints", silent());
  EXPECT_THAT(checkpoint.divergence_watch, IsEmpty());
  rest.resume(checkpoint);
  rest.run(go);
  ASSERT_FALSE(rest.interventions().empty());
  EXPECT_GE(rest.interventions().front().restored, 150);
}

// What the disk refused cannot be returned to, and what it holds is not thrown away for it.
TEST(Rollback, ReturnsToACheckpointThatIsThere) {
  const std::atomic<bool> go{false};
  testing::ScratchFolder undisturbed, folder;
  auto first = trainer_in(undisturbed.path(), exploding_late(), false);
  first.run(go);
  ASSERT_GE(first.interventions().at(0).restored, 200);
  /// Refuses to save the checkpoint to which the undisturbed training returns, and those after it until the return.
  struct Refuses : Files {
    void write(const fs::path& path, std::span<const std::string_view> parts) const override {
      if (full) throw SystemError("No space left on device");
      Files::write(path, parts);
    }
    std::atomic<bool> full{false};
  } files;
  struct Fills : Heard {
    void iteration_done(Trainer&, int64_t done, const solve::IterationMetrics&) override { disk.full = done >= from; }
    void rolled_back(Trainer& trainer, const std::string&) override {
      restored = trainer.done();
      from = 1'000'000;
      disk.full = false;
    }
    Fills(Refuses& on, int64_t iteration) : disk(on), from(iteration) {}
    Refuses& disk;
    int64_t from, restored = -1;
  } fills(files, first.interventions().at(0).restored);
  auto trainer = trainer_in(folder.path(), exploding_late(), false, silent(), files);
  trainer.attach(fills);
  trainer.run(go);
  EXPECT_EQ(fills.restored, first.interventions().at(0).restored - 100);
}

// The user's R1 counts where it is more than that of the last return.
TEST(Rollback, AResumedRunMayTakeMoreR1) {
  testing::ScratchFolder folder;
  auto recipe = exploding_recipe("rollback");
  recipe.train.lr_map = recipe.train.lr_potential = 30;
  recipe.train.rollbacks = 1;
  const std::atomic<bool> go{false};
  EXPECT_THROW(trainer_in(folder.path(), recipe, false).run(go), DivergedError);
  recipe.train.rollbacks = 2;
  recipe.potential.r1 = 7;
  auto rest = trainer_in(folder.path(), recipe, false);
  rest.resume(load_newest(folder / "checkpoints", silent()));
  EXPECT_THAT(testing::message_of([&] { rest.run(go); }), HasSubstr("potential.r1 = 56"));
  ASSERT_THAT(rest.interventions(), SizeIs(2));
  EXPECT_DOUBLE_EQ(rest.interventions()[1].r1, 28);
}

// A run that is stopped before the divergence, between it and the end, or right after the return, trains the same.
TEST(Rollback, AResumedRunRepeatsItToTheBit) {
  testing::ScratchFolder straight;
  auto whole = trainer_in(straight.path(), exploding_recipe("rollback"), false);
  Heard heard;
  whole.attach(heard);
  whole.run(heard.stop);
  ASSERT_FALSE(whole.interventions().empty());
  const auto& first = whole.interventions().front();
  for (const int64_t after : {int64_t{0}, int64_t{1}, int64_t{130}}) {
    testing::ScratchFolder broken;
    {
      auto half = trainer_in(broken.path(), exploding_recipe("rollback"), false);
      Heard stops;
      (after == 0 ? stops.stop_at : stops.stop_after) = after == 0 ? first.alarm - 7 : after;
      half.attach(stops);
      ASSERT_FALSE(half.run(stops.stop)) << after;
    }
    auto rest = trainer_in(broken.path(), exploding_recipe("rollback"), false);
    rest.resume(load_newest(broken.path() / "checkpoints", silent()));
    EXPECT_EQ(rest.interventions().size(), after == 0 ? 0U : 1U) << after;
    const std::atomic<bool> go{false};
    EXPECT_TRUE(rest.run(go)) << after;
    EXPECT_EQ(rest.interventions().size(), whole.interventions().size()) << after;
    expect_same_state(whole, rest);
  }
}

TEST(Rollback, WithoutAFolderItReturnsToACopyInMemory) {
  testing::ScratchFolder folder;
  auto on_disk = trainer_in(folder.path(), exploding_recipe("rollback"), false);
  auto in_memory = trainer_in({}, exploding_recipe("rollback"), false);
  const std::atomic<bool> go{false};
  on_disk.run(go);
  in_memory.run(go);
  EXPECT_FALSE(in_memory.interventions().empty());
  expect_same_state(on_disk, in_memory);
}

TEST(Rollback, StopEndsWithAnErrorAndLeavesASoundCheckpoint) {
  testing::ScratchFolder folder;
  auto recipe = exploding_recipe("stop");
  // Calm long enough for a checkpoint to settle: the rates rise slowly.
  recipe.train.warmup = 600;
  auto trainer = trainer_in(folder.path(), recipe, false);
  const std::atomic<bool> go{false};
  EXPECT_THAT(testing::message_of([&] { trainer.run(go); }),
              AllOf(HasSubstr("the training diverged at iteration"), HasSubstr("runs away"),
                    HasSubstr("the run is left at its last sound checkpoint"), HasSubstr("lower train.lr_map")));
  const auto left = load_newest(folder / "checkpoints", silent());
  EXPECT_LT(left.iteration, trainer.done() - 49);
  EXPECT_LE(left.divergence_watch.at(1), 0.5);
}

TEST(Rollback, GivesUpAfterTheGivenNumber) {
  testing::ScratchFolder folder;
  auto recipe = exploding_recipe("rollback");
  recipe.train.lr_map = recipe.train.lr_potential = 30;  // 0.3 times that is still far too much
  recipe.train.rollbacks = 1;
  auto trainer = trainer_in(folder.path(), recipe, false);
  const std::atomic<bool> go{false};
  EXPECT_THROW(trainer.run(go), DivergedError);
  EXPECT_THAT(trainer.interventions(), SizeIs(1));
}

/// Items that hold a NaN while `broken`.
class Unreliable : public data::TensorSource {
 public:
  explicit Unreliable(const torch::Tensor& rows) : TensorSource("unreliable", rows) {}
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    auto out = TensorSource::stored_items(indices).clone();
    if (broken) out.fill_(std::numeric_limits<float>::quiet_NaN());
    return out;
  }
  bool broken = false;
};

/// Breaks the source after an iteration; `times` times.
struct Breaks : Observer {
  Breaks(Unreliable& broken, int64_t iteration, int64_t how_often) : source(broken), at(iteration), times(how_often) {}
  void rolled_back(Trainer&, const std::string& message) override {
    messages.push_back(message);
    source.broken = false;
  }
  void iteration_done(Trainer&, int64_t done, const solve::IterationMetrics&) override {
    source.broken = done == at && times-- > 0;
  }
  Unreliable& source;
  int64_t at, times;
  std::vector<std::string> messages;
};

struct UnreliableRun {
  explicit UnreliableRun(int64_t times) : breaks(*source, 260, times) {
    auto data = data_for(false);
    data.source = source;
    recipe.train.iterations = 300;
    recipe.checkpoint.every = 100;
    recipe.data.workers = 0;
    trainer = std::make_unique<Trainer>(recipe, data, torch::kCPU, folder.path(), silent());
    trainer->attach(breaks);
  }
  testing::ScratchFolder folder;
  std::shared_ptr<Unreliable> source = std::make_shared<Unreliable>(torch::rand({23, 2}) * 2 - 1);
  Recipe recipe = recipe_for("strong", false);
  Breaks breaks;
  std::unique_ptr<Trainer> trainer;
  const std::atomic<bool> go{false};
};

TEST(Rollback, ReturnsFromValuesThatAreNotFinite) {
  UnreliableRun run(1);
  EXPECT_TRUE(run.trainer->run(run.go));
  ASSERT_THAT(run.trainer->interventions(), SizeIs(1));
  EXPECT_EQ(run.trainer->interventions()[0].restored, 200);
  EXPECT_THAT(run.breaks.messages[0], AllOf(HasSubstr("source batch"), HasSubstr("loss nan")));
}

TEST(Rollback, EndsWhenTheSameIterationIsNotFiniteAgain) {
  UnreliableRun run(9);
  EXPECT_THAT(testing::message_of([&] { run.trainer->run(run.go); }),
              AllOf(HasSubstr("the training diverged: outer iteration 260"), HasSubstr("source batch"),
                    HasSubstr("look at that batch")));
  EXPECT_THAT(run.trainer->interventions(), SizeIs(1));
  EXPECT_EQ(load_newest(run.folder / "checkpoints", silent()).iteration, 200);
}

/// Writes a value into a tensor of the state after an iteration, as a fault of the memory would.
struct Injects : Observer {
  Injects(std::string tensor, int64_t iteration) : name(std::move(tensor)), at(iteration) {}
  void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics&) override {
    if (done != at || std::exchange(injected, true)) return;
    for (auto& [key, tensor] : trainer.solver().state()) {
      if (key.starts_with(name) && tensor.is_floating_point() && tensor.numel() > 3) {
        tensor.detach().view(-1)[1] = std::numeric_limits<float>::quiet_NaN();
        return;
      }
    }
    ADD_FAILURE() << "no tensor " << name;
  }
  std::string name;
  int64_t at;
  bool injected = false;
};

void expect_finite(const nn::NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point()) {
      EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << name;
    }
  }
}

// The moments of an optimiser, a parameter, and the average, each spoilt by itself: no checkpoint holds the value, and
// the training returns to one before.
TEST(Rollback, MendsAStateThatIsNotFinite) {
  for (const char* tensor : {"adam_map/", "adam_potential/", "map/", "potential/", "ema/"}) {
    // Between two checkpoints, just before one is saved, and behind the last one.
    for (const int64_t at : {int64_t{160}, int64_t{200}, int64_t{210}}) {
      testing::ScratchFolder folder;
      auto recipe = recipe_for("strong", false);
      recipe.train.iterations = 220;
      recipe.checkpoint.every = 100;
      auto trainer = trainer_in(folder.path(), recipe, false);
      Injects injects(tensor, at);
      trainer.attach(injects);
      const std::atomic<bool> go{false};
      EXPECT_TRUE(trainer.run(go)) << tensor << at;
      EXPECT_THAT(trainer.interventions(), SizeIs(1)) << tensor << at;
      expect_finite(trainer.solver().state());
      for (const auto& checkpoint : list_checkpoints(folder / "checkpoints")) {
        expect_finite(load_checkpoint(checkpoint).tensors);
      }
    }
  }
}

TEST(Rollback, SavesNoStateThatIsNotFinite) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.train.on_divergence = "ignore";
  recipe.checkpoint.every = 2;
  auto trainer = trainer_in(folder.path(), recipe, false);
  Injects injects("ema/", 5);
  trainer.attach(injects);
  const std::atomic<bool> go{false};
  EXPECT_THAT(testing::message_of([&] { trainer.run(go); }),
              AllOf(HasSubstr("after outer iteration 5 the tensor ema/"), HasSubstr("nothing was saved")));
  EXPECT_EQ(load_newest(folder / "checkpoints", silent()).iteration, 4);
}

// Batch norm's statistics are part of the state.
TEST(Rollback, SavesNoStatisticsOfBatchNormThatAreNotFinite) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", /*image=*/true);
  recipe.train.on_divergence = "stop";
  recipe.train.iterations = 6;
  recipe.checkpoint.every = 2;
  auto trainer = trainer_in(folder.path(), recipe, true);
  struct Spoils : Observer {
    void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics&) override {
      if (done != 4) return;
      for (auto& buffer : trainer.solver().map().buffers()) {
        if (buffer.is_floating_point()) buffer.fill_(std::numeric_limits<float>::infinity());
      }
    }
  } spoils;
  trainer.attach(spoils);
  const std::atomic<bool> go{false};
  EXPECT_THAT(testing::message_of([&] { trainer.run(go); }), HasSubstr("not finite"));
  expect_finite(load_newest(folder / "checkpoints", silent()).tensors);
}

TEST(Rollback, AllRanksReturnTogether) {
  testing::ScratchFolder folder;
  std::vector<nn::NamedTensors> states(2);
  std::vector<std::vector<Intervention>> interventions(2);
  testing::run_ranks(2, [&](dist::ProcessGroup& group) {
    auto recipe = exploding_recipe("rollback");
    recipe.train.batch = 6;
    Trainer trainer(recipe, data_for(false), torch::kCPU, group.is_root() ? folder.path() : fs::path(), silent(),
                    real_files(), group);
    const std::atomic<bool> go{false};
    EXPECT_TRUE(trainer.run(go));
    const auto rank = static_cast<size_t>(group.rank());
    for (const auto& [name, tensor] : trainer.solver().state()) states[rank].emplace_back(name, tensor.clone());
    interventions[rank] = trainer.interventions();
  });
  ASSERT_FALSE(interventions[0].empty());
  EXPECT_EQ(to_json(interventions[0]), to_json(interventions[1]));
  for (size_t i = 0; i < states[0].size(); ++i)
    EXPECT_TRUE(torch::equal(states[0][i].second, states[1][i].second)) << states[0][i].first;
}

// NaN in the items of one rank alone.
TEST(Rollback, ValuesThatAreNotFiniteOnOneRankReturnAll) {
  testing::ScratchFolder folder;
  std::vector<std::vector<Intervention>> interventions(2);
  testing::run_ranks(2, [&](dist::ProcessGroup& group) {
    auto recipe = recipe_for("strong", false);
    recipe.train.batch = 6;
    recipe.train.iterations = 220;
    recipe.checkpoint.every = 100;
    recipe.data.workers = 0;
    auto data = data_for(false);
    const auto source = std::make_shared<Unreliable>(torch::rand({23, 2}, RandomStreams(5).at("items", 0)) * 2 - 1);
    data.source = source;
    Trainer trainer(recipe, data, torch::kCPU, group.is_root() ? folder.path() : fs::path(), silent(), real_files(),
                    group);
    Breaks breaks(*source, 180, group.rank() == 1 ? 1 : 0);
    trainer.attach(breaks);
    const std::atomic<bool> go{false};
    EXPECT_TRUE(trainer.run(go));
    interventions[static_cast<size_t>(group.rank())] = trainer.interventions();
  });
  ASSERT_THAT(interventions[0], SizeIs(1));
  EXPECT_EQ(interventions[0][0].restored, 100);
  EXPECT_THAT(interventions[0][0].reason, AllOf(HasSubstr("rank 1"), Not(HasSubstr("rank 0"))));
  EXPECT_EQ(to_json(interventions[0]), to_json(interventions[1]));
}

}  // namespace
}  // namespace monge::train
