// The outer iteration as a CUDA graph captures it: batches at fixed addresses, schedules in tensors, kept generators.
// On a CPU the same code runs without the capture and must give the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/ot/otp.h"
#include "monge/ot/weak.h"
#include "monge/solve/graph.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "tests/support/support.h"
#include "tests/train/short_run.h"

namespace monge::solve {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Solver> solver_for(const SolverOptions& recipe, bool image) {
  const std::vector<int64_t> shape = image ? std::vector<int64_t>{3, 16, 16} : std::vector<int64_t>{2};
  const auto nets = make_nets(recipe, shape, shape);
  return std::make_unique<Solver>(recipe, nets.map, nets.ema, nets.potential, image ? 768 : 2, torch::kCPU);
}

BatchProvider batches_for(bool image, torch::ScalarType type = torch::kFloat32) {
  const std::vector<int64_t> shape = image ? std::vector<int64_t>{4, 3, 16, 16} : std::vector<int64_t>{8, 2};
  const auto draw = [=](const char* side, int64_t step) {
    return torch::randn(shape, RandomStreams(1).at(side, step)).to(type);
  };
  return {[=](int64_t step) { return draw("x", step); }, [=](int64_t step) { return draw("y", step); }};
}

void expect_same(Solver& one, Solver& two, bool image, torch::ScalarType type, const std::string& what) {
  for (int64_t k = 0; k < 5; ++k) {
    const auto a = one.outer_iteration(k, batches_for(image, type)),
               b = two.outer_iteration(k, batches_for(image, type));
    EXPECT_EQ(a.loss_map, b.loss_map) << what << " iteration " << k;
    EXPECT_EQ(a.loss_potential, b.loss_potential) << what << " iteration " << k;
    EXPECT_EQ(a.gradient_map, b.gradient_map) << what << " iteration " << k;
    EXPECT_EQ(a.noise_level, b.noise_level) << what << " iteration " << k;
    EXPECT_EQ(a.rate_map, b.rate_map) << what << " iteration " << k;
  }
  const auto a = one.state(), b = two.state();
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << what << " " << a[i].first;
}

train::Recipe captured_recipe(const std::string& method, bool image) {
  auto recipe = train::recipe_for(method, image);
  recipe.section<ot::OtpOptions>().eps_end = "0.1";
  recipe.section<ot::WeakOptions>().gamma_iters = 3;  // every schedule moves within the five iterations
  recipe.train.iterations = 8;
  return recipe;
}

TEST(Captured, LeavesTheSameBits) {
  for (const char* method : {"strong", "weak", "kernel", "noised", "otp"}) {
    for (const bool image : {false, true}) {
      auto recipe = captured_recipe(method, image);
      if (image) {
        recipe.potential.augment = "all";
        recipe.potential.augment_strength = 0.5;
      }
      auto plain = solver_for(recipe, image);
      recipe.train.graph = "on";
      auto captured = solver_for(recipe, image);
      expect_same(*plain, *captured, image, torch::kFloat32, method);
    }
  }
}

TEST(Captured, LeavesTheSameBitsInDoubleAndWithVp) {
  auto recipe = captured_recipe("otp", false);
  recipe.train.precision = "fp64";
  recipe.section<ot::OtpOptions>().smoothing = "vp";
  recipe.section<ot::OtpOptions>().cost = "weak";
  auto plain = solver_for(recipe, false);
  recipe.train.graph = "on";
  auto captured = solver_for(recipe, false);
  expect_same(*plain, *captured, false, torch::kFloat64, "otp");
}

TEST(Captured, DivergenceIsFoundAsWell) {
  auto recipe = captured_recipe("strong", false);
  recipe.train.graph = "on";
  auto solver = solver_for(recipe, false);
  auto batches = batches_for(false);
  solver->outer_iteration(0, batches);
  const BatchProvider poisoned{
      [&](int64_t step) { return step == 4 ? batches.source(step) / 0.0 : batches.source(step); }, batches.target};
  EXPECT_THAT(testing::message_of([&] { solver->outer_iteration(1, poisoned); }), HasSubstr("map update 2 of 2"));
}

// Metrics come in the order of the launches, whenever they are read.
TEST(Launch, MetricsAreReadLater) {
  const auto recipe = captured_recipe("weak", false);
  auto early = solver_for(recipe, false), late = solver_for(recipe, false);
  std::vector<double> expected;
  for (int64_t k = 0; k < 3; ++k) {
    expected.push_back(early->outer_iteration(k, batches_for(false)).loss_map);
    late->launch(k, batches_for(false));
  }
  EXPECT_EQ(late->launched(), 3);
  for (const double loss : expected) EXPECT_EQ(late->collect().loss_map, loss);
  EXPECT_EQ(late->launched(), 0);
  EXPECT_THAT(testing::message_of([&] { late->collect(); }), HasSubstr("no iteration"));
}

// Batch norm runs in both passes; gradients and statistics are those of a single pass.
TEST(Recompute, LeavesTheSameBits) {
  for (const char* method : {"strong", "weak", "noised"}) {
    for (const int64_t pieces : {1, 2}) {
      auto recipe = captured_recipe(method, true);
      recipe.train.accumulate = pieces;
      auto plain = solver_for(recipe, true);
      recipe.train.recompute = true;
      auto twice = solver_for(recipe, true);
      expect_same(*plain, *twice, true, torch::kFloat32, std::string(method) + " in " + std::to_string(pieces));
    }
  }
}

/// Records the metrics of each iteration, and the weights of every third.
struct Listener : train::Observer {
  bool needs_nets(const train::Trainer&, int64_t done) const override { return done % 3 == 0; }
  void iteration_done(train::Trainer& trainer, int64_t done, const IterationMetrics& metrics) override {
    losses.push_back(metrics.loss_map);
    order.push_back(done);
    launched.push_back(trainer.solver().launched());
    if (done % 3 == 0) weights.push_back(trainer.solver().map().parameters()[0].detach().clone());
  }
  std::vector<double> losses;
  std::vector<int64_t> order, launched;
  std::vector<torch::Tensor> weights;
};

TEST(Trainer, ReportsMetricsLateUnlessAnObserverNeedsTheNets) {
  auto recipe = train::recipe_for("strong", false);
  recipe.train.iterations = 8;
  recipe.checkpoint.every = 5;
  const std::atomic<bool> go{false};
  Listener prompt, late;
  testing::ScratchFolder folder;
  auto one = train::trainer_in("", recipe, false);
  one.attach(prompt);
  EXPECT_TRUE(one.run(go));
  auto two = train::trainer_in(folder.path(), recipe, false);
  two.set_ahead(1);
  two.attach(late);
  EXPECT_TRUE(two.run(go));
  EXPECT_EQ(late.order, (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(late.losses, prompt.losses);
  // The observer needs the nets at iterations 3 and 6; 5 is saved, 8 is the last.
  EXPECT_EQ(late.launched, (std::vector<int64_t>{1, 1, 0, 1, 0, 0, 1, 0}));
  ASSERT_EQ(late.weights.size(), prompt.weights.size());
  for (size_t i = 0; i < late.weights.size(); ++i) EXPECT_TRUE(torch::equal(late.weights[i], prompt.weights[i]));
  EXPECT_EQ(train::names(folder / "checkpoints"), (std::vector<std::string>{"step_000005", "step_000008"}));
}

// With one iteration launched ahead the divergence is found later: the message is the same and nothing is saved.
TEST(Trainer, FindsDivergenceLate) {
  auto recipe = train::recipe_for("strong", false);
  recipe.train.iterations = 9;
  recipe.train.lr_map = 1e30;  // the second update overflows
  const std::atomic<bool> go{false};
  const auto message = [&](int64_t ahead) {
    testing::ScratchFolder folder;
    Listener listener;
    auto trainer = train::trainer_in(folder.path(), recipe, false);
    trainer.set_ahead(ahead);
    trainer.attach(listener);
    const auto out = testing::message_of([&] { trainer.run(go); });
    EXPECT_TRUE(train::names(folder / "checkpoints").empty());
    return out;
  };
  const auto prompt = message(0);
  EXPECT_THAT(prompt, HasSubstr("the training diverged: outer iteration"));
  EXPECT_EQ(message(1), prompt);
}

}  // namespace
}  // namespace monge::solve
