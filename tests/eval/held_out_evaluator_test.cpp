#include "monge/eval/held_out_evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <atomic>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/ot/otp.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/trainer.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"
#include "tests/support/vanishing_source.h"

namespace monge::eval {
namespace {

/// A training of two moons whose networks are tiny.
train::Recipe tiny_recipe(int64_t iterations, int64_t evaluated_every) {
  train::Recipe recipe;
  recipe.source.path = recipe.target.path = "toy:moons";
  recipe.map.width = recipe.potential.width = 8;
  recipe.train.iterations = iterations;
  recipe.train.batch = 16;
  recipe.train.k_t = 1;
  recipe.checkpoint.every = 1000;
  recipe.eval.every = evaluated_every;
  recipe.eval.samples = 64;
  return recipe;
}

// More noise makes the target easier and the map worse: no checkpoint is the best one while the noise still falls.
TEST(HeldOutEvaluator, CallsNoMapTheBestWhileTheNoiseFalls) {
  auto recipe = tiny_recipe(4, 1);
  recipe.method = "otp";
  recipe.source.path = "toy:perpendicular?side=source";
  recipe.target.path = "toy:perpendicular?side=target";
  recipe.section<ot::OtpOptions>().eps_start = 5;
  recipe.section<ot::OtpOptions>().eps_end = "0.01";
  recipe.section<ot::OtpOptions>().anneal = 0.5;  // iterations 1 and 2 of 4; 3 and 4 are at the end
  train::Trainer trainer(recipe, train::open_training_data(recipe), torch::kCPU, "", silent());
  int64_t evaluated = 0;
  HeldOutEvaluator held_out([&](int64_t, const Evaluation&) { ++evaluated; });
  trainer.attach(held_out);
  trainer.run(std::atomic<bool>{false});
  EXPECT_EQ(evaluated, 4);
  ASSERT_TRUE(trainer.best_metric().has_value());
  EXPECT_GE(trainer.best_iteration(), 3);
}

// The distance of outputs that are not numbers once was 0, the best value.
TEST(HeldOutEvaluator, CallsNoMapTheBestWhoseOutputsAreNotFinite) {
  auto recipe = tiny_recipe(3, 1);
  recipe.method = "strong";
  recipe.map.residual = true;
  auto data = train::open_training_data(recipe);
  auto held = torch::rand({64, 2}, RandomStreams(1).at("held", 0));
  held[5][1] = std::numeric_limits<float>::infinity();
  data.held_source = std::make_shared<data::TensorSource>("held", held);
  std::string said;
  train::Trainer trainer(recipe, data, torch::kCPU, "", [&](LogLevel level, const std::string& line) {
    if (level == LogLevel::warning) said += line + "\n";
  });
  HeldOutEvaluator held_out(
      [&](int64_t, const Evaluation& evaluation) { EXPECT_EQ(evaluation.target_verdict(), TargetVerdict::unknown); });
  trainer.attach(held_out);
  EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
  EXPECT_FALSE(trainer.best_metric().has_value());
  EXPECT_EQ(said,
            "iteration 1: the map cannot be judged: 1 of 64 outputs is not finite; the first is that of row 5 (counted "
            "from 0); "
            "look for fill values in the input\n")
      << "once, and not at each of the three evaluations";
}

/// Sets the flag by which a training is stopped when an iteration is done, before its evaluation.
struct StopsAt : train::Observer {
  StopsAt(int64_t iteration, std::atomic<bool>& stop) : iteration(iteration), stop(stop) {}
  void iteration_done(train::Trainer&, int64_t done, const solve::IterationMetrics&) override {
    if (done == iteration) stop = true;
  }
  int64_t iteration;
  std::atomic<bool>& stop;
};

// Iteration 7, the last one, has its evaluation after the last checkpoint.
TEST(HeldOutEvaluator, LeavesAnEvaluationWhenStoppedAndMakesItOnResume) {
  const auto recipe = tiny_recipe(7, 3);
  using Reported = std::vector<std::pair<int64_t, double>>;
  for (const int64_t ranks : {1, 2}) {
    for (const int64_t stopped : {0, 3, 6, 7}) {
      SCOPED_TRACE(text(ranks, " ranks, stopped at ", stopped));
      const testing::ScratchFolder folder;
      Reported reported, expected;
      testing::run_ranks(ranks, [&](auto& group) {
        const auto train = [&](const std::string& name, int64_t stop_at, Reported& evaluations) {
          const auto run = folder / name;
          train::Trainer trainer(recipe, train::open_training_data(recipe), torch::kCPU, group.is_root() ? run : "",
                                 silent(), real_files(), group);
          std::optional<train::Checkpoint> saved;
          if (stop_at < 0 && group.is_root()) saved = train::load_newest(run / "checkpoints", silent());
          if (stop_at < 0) trainer.resume(train::broadcast_from_root(group, std::move(saved)));
          std::atomic<bool> stop = false;
          StopsAt stops(stop_at, stop);
          HeldOutEvaluator held_out([&](int64_t iteration, const Evaluation& evaluation) {
            if (group.is_root()) evaluations.emplace_back(iteration, evaluation.value("target_error"));
          });
          trainer.attach(stops);
          trainer.attach(held_out);
          const bool complete = trainer.run(stop);
          EXPECT_EQ(trainer.evaluation_due(), !complete);
          return complete;
        };
        EXPECT_EQ(train("run", stopped, reported), stopped == 0);
        group.barrier();
        if (group.is_root()) {
          EXPECT_EQ(reported.size(), stopped == 0 ? 3U : stopped == 3 ? 0U : stopped == 6 ? 1U : 2U);
          const auto saved = train::load_newest(folder / "run" / "checkpoints", silent());
          EXPECT_EQ(saved.iteration, stopped == 0 ? 7 : stopped);
          EXPECT_EQ(saved.evaluation_due, stopped > 0);
        }
        group.barrier();
        if (stopped > 0) {
          EXPECT_TRUE(train("run", -1, reported));
        }
        EXPECT_TRUE(train("undisturbed", 0, expected));
        group.barrier();
      });
      EXPECT_EQ(reported, expected);
      const auto end = train::load_newest(folder / "run" / "checkpoints", silent()),
                 alone = train::load_newest(folder / "undisturbed" / "checkpoints", silent());
      EXPECT_FALSE(end.evaluation_due);
      EXPECT_EQ(end.best_metric, alone.best_metric);
      EXPECT_EQ(end.best_iteration, alone.best_iteration);
      ASSERT_EQ(end.tensors.size(), alone.tensors.size());
      for (size_t i = 0; i < end.tensors.size(); ++i) {
        EXPECT_TRUE(torch::equal(end.tensors[i].second, alone.tensors[i].second)) << end.tensors[i].first;
      }
    }
  }
}

// The last evaluation comes after the last checkpoint.
TEST(HeldOutEvaluator, MakesALastEvaluationThatFailedOnResume) {
  const auto recipe = tiny_recipe(4, 1000);
  const testing::ScratchFolder folder;
  const auto held = torch::rand({64, 2}, RandomStreams(1).at("held", 0));
  const auto newest = [&] { return train::load_newest(folder / "checkpoints", silent()); };
  std::vector<int64_t> reported;
  const auto train = [&](bool resumes, int64_t readings) {
    auto data = train::open_training_data(recipe);
    data.held_source =
        std::make_shared<testing::VanishingSource>(std::make_shared<data::TensorSource>("held", held), readings);
    train::Trainer trainer(recipe, data, torch::kCPU, folder.path(), silent());
    if (resumes) trainer.resume(newest());
    HeldOutEvaluator held_out([&](int64_t iteration, const Evaluation&) { reported.push_back(iteration); });
    trainer.attach(held_out);
    return trainer.run(std::atomic<bool>{false});
  };
  EXPECT_THAT(testing::message_of([&] { train(false, 2); }), ::testing::HasSubstr("a/smile.png"));
  EXPECT_EQ(newest().iteration, 4);
  EXPECT_TRUE(newest().evaluation_due);
  EXPECT_TRUE(train(true, 1'000'000));
  EXPECT_EQ(reported, (std::vector<int64_t>{4}));
  EXPECT_FALSE(newest().evaluation_due);
  EXPECT_TRUE(newest().best_metric.has_value());
}

// The root must not wait for a rank that has failed, nor lose the iterations that it has not saved.
TEST(HeldOutEvaluator, SavesWhenAnyRankCannotReadItsSamples) {
  const auto recipe = tiny_recipe(6, 3);
  const auto held = torch::rand({64, 2}, RandomStreams(1).at("held", 0));
  for (const int64_t bad : {0, 1}) {
    const testing::ScratchFolder folder;
    std::vector<std::string> messages(2);
    testing::run_ranks(2, [&](auto& group) {
      auto data = train::open_training_data(recipe);
      const int64_t readings = group.rank() == bad ? 2 : 1'000'000;  // those of try_out
      data.held_source =
          std::make_shared<testing::VanishingSource>(std::make_shared<data::TensorSource>("held", held), readings);
      train::Trainer trainer(recipe, data, torch::kCPU, group.is_root() ? folder.path() : "", silent(), real_files(),
                             group);
      HeldOutEvaluator held_out([](int64_t, const Evaluation&) {});
      trainer.attach(held_out);
      try {
        trainer.run(std::atomic<bool>{false});
      } catch (const dist::CommonError& error) {
        messages[static_cast<size_t>(group.rank())] = error.what();
        group.barrier();  // no rank closes its connections before the others have read the message
      }
    });
    EXPECT_EQ(messages[0], messages[1]);
    EXPECT_THAT(messages[0], ::testing::AllOf(::testing::HasSubstr(text("rank ", bad, " on host")),
                                              ::testing::HasSubstr("a/smile.png")));
    EXPECT_EQ(train::load_newest(folder / "checkpoints", silent()).iteration, 3);
  }
}

}  // namespace
}  // namespace monge::eval
