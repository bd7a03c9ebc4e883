// Several ranks train as one: the ranks are threads here; tests/cli/ranks_test.cpp has processes.
#include "tests/support/ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/ot/otp.h"
#include "monge/ot/weak.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/recipe.h"
#include "tests/support/support.h"

namespace monge::train {
namespace {

using monge::testing::message_of;
using monge::testing::run_ranks;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<int64_t> kPlane{2}, kImage{3, 16, 16};
constexpr int64_t kBatch = 8, kIterations = 20;

Recipe recipe_of(const std::string& method, bool images) {
  Recipe recipe;
  recipe.method = method;
  recipe.source.path = recipe.target.path = "toy:moons";
  recipe.map.width = recipe.potential.width = images ? 2 : 16;
  if (images) {
    recipe.map.norm = "group";
    // Norms over the few values of a fourth level of 16 pixels multiply rounding errors by ten in each iteration.
    recipe.map.depth = 2;
    recipe.potential.width = 4;
    recipe.potential.width_max = 8;
  }
  recipe.train.k_t = 2;
  recipe.train.lr_map = recipe.train.lr_potential = 1e-3;
  recipe.train.precision = "fp64";
  recipe.section<ot::WeakOptions>().z = recipe.section<ot::KernelOptions>().z = 2;
  recipe.section<ot::OtpOptions>().eps_end = "0.1";
  recipe.train.iterations = kIterations;
  recipe.parallel.bucket_mb = 1;
  return recipe;
}

/// This rank's slices of the batches.
solve::BatchProvider batches_of(const std::vector<int64_t>& shape, const dist::ProcessGroup& group,
                                torch::ScalarType type = torch::kFloat64, int64_t batch = kBatch) {
  auto whole = shape;
  whole.insert(whole.begin(), batch);
  const auto slice = dist::slice_of_batch(batch, group);
  const auto side = [whole, slice, type](const char* name) {
    return [=](int64_t step) {
      return torch::randn(whole, RandomStreams(1).at(name, step))
          .clamp(-1, 1)
          .to(type)
          .narrow(0, slice.begin, slice.length)
          .contiguous();
    };
  };
  return {side("x"), side("y")};
}

std::unique_ptr<solve::Solver> make_solver(const Recipe& recipe, const std::vector<int64_t>& shape,
                                           dist::ProcessGroup& group) {
  const auto nets = solve::make_nets(recipe, shape, shape);
  return std::make_unique<solve::Solver>(recipe, nets.map, nets.ema, nets.potential, shape.size() == 3 ? 768 : 2,
                                         torch::kCPU, group);
}

nn::NamedTensors copy_of(const solve::Solver& solver) {
  nn::NamedTensors out;
  for (const auto& [name, tensor] : solver.state()) out.emplace_back(name, tensor.detach().clone());
  return out;
}

/// The root's state after `iterations`, and all metrics.
struct Trained {
  nn::NamedTensors state;
  std::vector<solve::IterationMetrics> metrics;
};

Trained train(const Recipe& recipe, const std::vector<int64_t>& shape, int64_t ranks, int64_t iterations = kIterations,
              int64_t batch = kBatch) {
  Trained out;
  const auto train_rank = [&](dist::ProcessGroup& group) {
    const auto solver = make_solver(recipe, shape, group);
    std::vector<solve::IterationMetrics> metrics;
    for (int64_t k = 0; k < iterations; ++k)
      metrics.push_back(solver->outer_iteration(k, batches_of(shape, group, torch::kFloat64, batch)));
    group.require_same("the nets", std::to_string(solver->fingerprint()));
    if (group.is_root()) out = {copy_of(*solver), metrics};
  };
  run_ranks(ranks, train_rank);
  return out;
}

/// The largest difference between tensors of two states, relative to the norm.
double difference(const nn::NamedTensors& a, const nn::NamedTensors& b) {
  EXPECT_EQ(a.size(), b.size());
  double out = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = a[i].second.to(torch::kFloat64), y = b[i].second.to(torch::kFloat64);
    // Some gradients cancel, such as those of the potential's last bias and of biases before batch norm. Only rounding
    // errors are left of them.
    const double scale = std::max(x.norm().item<double>(), 1e-6);
    const double here = (x - y).norm().item<double>() / scale;
    EXPECT_LT(here, 1e-6) << a[i].first;
    out = std::max(out, here);
  }
  return out;
}

class Ranks : public ::testing::TestWithParam<std::tuple<const char*, int, bool>> {};

TEST_P(Ranks, TogetherTrainAsOneDoes) {
  const auto [method, ranks, images] = GetParam();
  const auto recipe = recipe_of(method, images);
  const auto& shape = images ? kImage : kPlane;
  const auto alone = train(recipe, shape, 1), together = train(recipe, shape, ranks);
  RecordProperty("difference", text(difference(alone.state, together.state)));
  for (size_t k = 0; k < alone.metrics.size(); ++k) {
    EXPECT_NEAR(alone.metrics[k].cost, together.metrics[k].cost, 1e-8 * std::max(1.0, std::abs(alone.metrics[k].cost)));
    EXPECT_NEAR(alone.metrics[k].loss_potential, together.metrics[k].loss_potential, 1e-8);
    EXPECT_NEAR(alone.metrics[k].gradient_map, together.metrics[k].gradient_map,
                1e-8 * std::max(1.0, alone.metrics[k].gradient_map));
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, Ranks,
                         ::testing::Combine(::testing::Values("strong", "weak", "kernel", "noised", "otp"),
                                            ::testing::Values(2, 4), ::testing::Values(false)));
INSTANTIATE_TEST_SUITE_P(Images, Ranks,
                         ::testing::Combine(::testing::Values("strong", "weak", "noised", "otp"),
                                            ::testing::Values(2, 4), ::testing::Values(true)));

TEST(RanksOf, ABatchOfSeveralBlocksOfNoise) {
  for (const char* method : {"weak", "noised", "otp"}) {
    const auto recipe = recipe_of(method, false);
    difference(train(recipe, kPlane, 1, 3, 900).state, train(recipe, kPlane, 3, 3, 900).state);
  }
}

TEST(RanksOf, EveryOptionThatLooksAtABatch) {
  auto recipe = recipe_of("noised", false);
  recipe.potential.expectile = 0.5;
  recipe.potential.r1 = 0.2;
  recipe.potential.r1_every = 2;
  recipe.train.accumulate = 2;
  recipe.train.clip = 0.1;
  recipe.train.graph = "on";
  difference(train(recipe, kPlane, 1).state, train(recipe, kPlane, 2).state);
  recipe = recipe_of("strong", true);
  recipe.train.recompute = true;
  recipe.potential.augment = "all";
  recipe.potential.augment_strength = 0.5;
  difference(train(recipe, kImage, 1, 5).state, train(recipe, kImage, 2, 5).state);
}

TEST(RanksOf, SynchronisedBatchNormIsThatOfTheWholeBatch) {
  auto recipe = recipe_of("strong", true);
  recipe.map.norm = "batch";
  const auto alone = train(recipe, kImage, 1);
  recipe.parallel.sync_batch_norm = true;
  difference(alone.state, train(recipe, kImage, 2).state);
  difference(alone.state, train(recipe, kImage, 4).state);
  recipe.train.recompute = true;
  recipe.train.eval_map_in_potential_step = true;
  const auto together = train(recipe, kImage, 2, 5);
  difference(train(recipe, kImage, 1, 5).state, together.state);
}

// With statistics by rank the map is another one, but all ranks have the same map and the same running statistics.
TEST(RanksOf, BatchNormByRankLeavesAllRanksTheSame) {
  auto recipe = recipe_of("strong", true);
  recipe.map.norm = "batch";
  std::vector<nn::NamedTensors> states(2);
  run_ranks(2, [&](auto& group) {
    const auto solver = make_solver(recipe, kImage, group);
    for (int64_t k = 0; k < 3; ++k) solver->outer_iteration(k, batches_of(kImage, group));
    states[static_cast<size_t>(group.rank())] = copy_of(*solver);
  });
  for (size_t i = 0; i < states[0].size(); ++i)
    EXPECT_TRUE(torch::equal(states[0][i].second, states[1][i].second)) << states[0][i].first;
}

// After a NaN in the batch of one rank, no parameter of any rank changes, and all ranks name the rank and the step.
TEST(RanksOf, ANonFiniteGradientOnOneRankStopsAllBeforeTheUpdate) {
  const auto recipe = recipe_of("strong", false);
  for (const bool of_potential : {false, true}) {
    run_ranks(2, [&](auto& group) {
      const auto solver = make_solver(recipe, kPlane, group);
      const auto batches = batches_of(kPlane, group);
      solver->outer_iteration(0, batches);
      const int64_t bad = of_potential ? 5 : 3;  // of iteration 1: map updates take 3 and 4, the potential's 5
      const solve::BatchProvider poisoned{[&](int64_t step) {
                                            auto x = batches.source(step).clone();
                                            if (step == bad && group.rank() == 1)
                                              x[0][0] = std::numeric_limits<double>::quiet_NaN();
                                            return x;
                                          },
                                          batches.target};
      auto before = copy_of(*solver);
      if (of_potential) {  // the map's updates come before it and stand
        const auto other = make_solver(recipe, kPlane, group);
        other->outer_iteration(0, batches);
        for (int64_t t = 0; t < 2; ++t) other->map_update(batches.source(3 + t), {}, 1);
        before = copy_of(*other);
      }
      const auto message = message_of([&] { solver->outer_iteration(1, poisoned); });
      EXPECT_THAT(message, AllOf(HasSubstr("rank 1 on host"), Not(HasSubstr("rank 0")), HasSubstr("outer iteration 1"),
                                 HasSubstr(of_potential ? "potential update" : "map update 1 of 2")));
      const auto after = solver->state();
      for (size_t i = 0; i < after.size(); ++i) {
        if (of_potential && after[i].first.starts_with("ema/")) continue;
        EXPECT_TRUE(torch::equal(before[i].second, after[i].second)) << after[i].first;
      }
    });
  }
}

TEST(RanksOf, TheWishOfOneToStopReachesAll) {
  const auto recipe = recipe_of("strong", false);
  run_ranks(3, [&](auto& group) {
    const auto solver = make_solver(recipe, kPlane, group);
    const auto batches = batches_of(kPlane, group, torch::kFloat64, 9);
    solver->launch(0, batches, false);
    EXPECT_FALSE(solver->collect().stop);
    solver->launch(1, batches, group.rank() == 2);
    EXPECT_TRUE(solver->collect().stop);
  });
}

// Sums begin during the backward pass, each as soon as its gradients are complete.
TEST(RanksOf, BucketsAreSentDuringTheBackwardPass) {
  run_ranks(2, [](auto& group) {
    const auto first = torch::randn({3 << 17}).requires_grad_(true),
               second = torch::randn({3 << 17}).requires_grad_(true);
    solve::FlatParameters gradients({first, second});
    first.mutable_grad() = gradients.views()[0];
    second.mutable_grad() = gradients.views()[1];
    solve::GradientReducer reducer(group, {first, second}, gradients, 1 << 20);
    for (int pass = 0; pass < 3; ++pass) {
      gradients.whole().zero_();
      reducer.begin_final_backward();
      const auto before = group.progress().entered;
      // The second is used last, so its gradient comes first; the first's comes after this hook has run.
      int64_t sent_meanwhile = -1;
      const auto middle = first * static_cast<double>(group.rank() + 1);
      middle.register_hook([&](const torch::Tensor&) { sent_meanwhile = group.progress().entered - before; });
      (middle.sum() + (second * middle.detach()).sum()).backward();
      EXPECT_EQ(group.progress().entered - before, 2);
      EXPECT_GE(sent_meanwhile, 0);
      solve::Update update;
      update.loss = torch::tensor(1.0 + static_cast<double>(group.rank()));
      reducer.finish(update);
      EXPECT_EQ(reducer.gradient().views()[0].min().template item<float>(), 3);
      EXPECT_EQ(update.loss.template item<float>(), 1.5);
    }
  });
}

// Ranks begin with the state of rank 0, whatever their own nets were.
TEST(RanksOf, BeginAlike) {
  run_ranks(2, [&](auto& group) {
    auto recipe = recipe_of("strong", false);
    recipe.train.seed = group.rank();
    const auto solver = make_solver(recipe, kPlane, group);
    EXPECT_NO_THROW(group.require_same("the nets", std::to_string(solver->fingerprint())));
  });
}

// A single rank has nothing to send and no flag to agree on, so it enters no operation of the group.
TEST(RanksOf, ASingleRankSendsNothing) {
  run_ranks(1, [](auto& group) {
    const auto solver = make_solver(recipe_of("strong", false), kPlane, group);
    solver->launch(0, batches_of(kPlane, group), /*stop=*/true);
    EXPECT_FALSE(solver->collect().stop) << "the caller knows its own wish";
    EXPECT_EQ(group.progress().entered, 0);
  });
}

TEST(RanksOf, WhatStaysExactIsSaid) {
  EXPECT_EQ(rank_change_message(2, 2, true), "");
  EXPECT_THAT(rank_change_message(2, 1, false), AllOf(HasSubstr("saved by 2 ranks, resumed by 1:"),
                                                      HasSubstr("within rounding"), Not(HasSubstr("batch norm"))));
  EXPECT_THAT(rank_change_message(1, 4, true), HasSubstr("batch norm by rank"));
}

}  // namespace
}  // namespace monge::train
