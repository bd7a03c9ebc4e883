#include "monge/solve/solver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/nn/gemm_matrix_units.h"
#include "monge/ot/otp.h"
#include "monge/ot/weak.h"
#include "monge/solve/memory.h"
#include "monge/solve/nets.h"
#include "monge/solve/precision.h"
#include "tests/support/support.h"

namespace monge::solve {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<int64_t> kPlane{2}, kImage{3, 16, 16};

SolverOptions small(const std::string& method) {
  SolverOptions recipe;
  recipe.method = method;
  recipe.map.width = recipe.potential.width = 16;
  recipe.train.k_t = 2;
  recipe.train.lr_map = recipe.train.lr_potential = 1e-3;
  recipe.section<ot::WeakOptions>().z = recipe.section<ot::KernelOptions>().z = 2;
  recipe.section<ot::OtpOptions>().eps_end = "0.1";
  return recipe;
}

SolverOptions small_image(const std::string& method) {
  auto recipe = small(method);
  recipe.map.width = 2;
  recipe.potential.width = 4;
  recipe.potential.width_max = 8;
  return recipe;
}

std::unique_ptr<Solver> make_solver(const SolverOptions& recipe, const std::vector<int64_t>& shape) {
  auto nets = make_nets(recipe, shape, shape);
  return std::make_unique<Solver>(recipe, nets.map, nets.ema, nets.potential, shape.size() == 3 ? 768 : 2, torch::kCPU);
}

BatchProvider batches_of(const std::vector<int64_t>& shape, int64_t batch = 8) {
  auto whole = shape;
  whole.insert(whole.begin(), batch);
  return {[whole](int64_t step) { return torch::randn(whole, RandomStreams(1).at("x", step)).clamp(-1, 1); },
          [whole](int64_t step) { return torch::randn(whole, RandomStreams(1).at("y", step)).clamp(-1, 1); }};
}

nn::NamedTensors copy_of(const Solver& solver) {
  nn::NamedTensors out;
  for (const auto& [name, tensor] : solver.state()) out.emplace_back(name, tensor.detach().clone());
  return out;
}

void expect_equal(const nn::NamedTensors& a, const nn::NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;
}

TEST(Solver, IsAPureFunctionOfSeedAndBatches) {
  for (const char* method : {"strong", "weak", "kernel", "noised", "otp"}) {
    auto one = make_solver(small_image(method), kImage), two = make_solver(small_image(method), kImage);
    for (int64_t k = 0; k < 2; ++k) {
      one->outer_iteration(k, batches_of(kImage));
      torch::randn({100});  // a foreign draw from the global generator
      two->outer_iteration(k, batches_of(kImage));
    }
    expect_equal(one->state(), two->state());
  }
}

TEST(Solver, AMapUpdateLeavesThePotentialAndComputesNoGradientForIt) {
  auto solver = make_solver(small("strong"), kPlane);
  const auto before = copy_of(*solver);
  solver->map_update(batches_of(kPlane).source(0), {}, 0);
  for (const auto& parameter : solver->potential().parameters()) EXPECT_FALSE(parameter.grad().defined());
  const auto after = solver->state();
  for (size_t i = 0; i < after.size(); ++i) {
    if (before[i].first.starts_with("potential/")) {
      EXPECT_TRUE(torch::equal(before[i].second, after[i].second));
    }
  }
}

// NaN in a batch of any update: no tensor changes by that step, and the message says which step and batch it was.
TEST(Solver, ANonFiniteLossReachesNoOptimiser) {
  auto solver = make_solver(small("strong"), kPlane);
  auto batches = batches_of(kPlane);
  solver->outer_iteration(0, batches);
  const auto before = copy_of(*solver);
  auto x = batches.source(3).clone();
  x[2][1] = std::numeric_limits<float>::quiet_NaN();
  const auto update = solver->map_update(x, {}, 1);
  EXPECT_EQ(update.blocked.item<float>(), 1);
  const auto y_update = solver->potential_update(batches.source(5), x, {}, 1);
  EXPECT_EQ(y_update.blocked.item<float>(), 1);
  expect_equal(before, solver->state());

  const BatchProvider poisoned{[&](int64_t step) { return step == 4 ? x : batches.source(step); }, batches.target};
  const auto message = testing::message_of([&] { solver->outer_iteration(1, poisoned); });
  EXPECT_THAT(message, AllOf(HasSubstr("outer iteration 1"), HasSubstr("map update 2 of 2"),
                             HasSubstr("source batch 4"), HasSubstr("nan"), HasSubstr("lower train.lr_map")));
}

TEST(Solver, ADivergedPotentialUpdateNamesItsOwnLearningRate) {
  auto solver = make_solver(small("strong"), kPlane);
  const auto batches = batches_of(kPlane);
  const BatchProvider poisoned{batches.source, [&](int64_t step) { return batches.target(step) / 0.0; }};
  EXPECT_THAT(testing::message_of([&] { solver->outer_iteration(0, poisoned); }),
              AllOf(HasSubstr("potential update"), HasSubstr("target batch 0"), HasSubstr("lower train.lr_potential"),
                    Not(HasSubstr("lr_map"))));
}

// Batch norm updates its statistics in the forward pass; a blocked update must restore them.
TEST(Solver, ABlockedUpdateLeavesTheRunningStatistics) {
  auto solver = make_solver(small_image("strong"), kImage);
  solver->outer_iteration(0, batches_of(kImage));
  const auto before = copy_of(*solver);
  auto x = batches_of(kImage).source(3).clone();
  x[0][0][0][0] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(solver->map_update(x, {}, 1).blocked.item<float>(), 1);
  EXPECT_EQ(solver->potential_update(x, batches_of(kImage).target(1), {}, 1).blocked.item<float>(), 1);
  expect_equal(before, solver->state());
}

TEST(Solver, DivergenceIsAnErrorOfItsOwn) {
  auto solver = make_solver(small("strong"), kPlane);
  const BatchProvider poisoned{[](int64_t) { return torch::full({4, 2}, std::numeric_limits<float>::infinity()); },
                               batches_of(kPlane, 4).target};
  EXPECT_THROW(solver->outer_iteration(0, poisoned), DivergedError);
}

// Without batch norm the pieces of a batch give the gradient of the whole, up to the order of sums.
TEST(Solver, AccumulationEqualsTheWholeBatch) {
  for (const char* method : {"strong", "weak", "kernel", "noised", "otp"}) {
    auto recipe = small_image(method);
    recipe.map.norm = "group";
    recipe.potential.r1 = 0.1;
    recipe.potential.expectile = 0.1;
    recipe.potential.augment = "all";
    recipe.potential.augment_strength = 0.5;
    recipe.train.precision = "fp64";
    auto whole = make_solver(recipe, kImage);
    recipe.train.accumulate = 4;
    auto pieces = make_solver(recipe, kImage);
    const BatchProvider batches{[](int64_t step) { return batches_of(kImage).source(step).to(torch::kFloat64); },
                                [](int64_t step) { return batches_of(kImage).target(step).to(torch::kFloat64); }};
    const auto a = whole->outer_iteration(0, batches), b = pieces->outer_iteration(0, batches);
    EXPECT_NEAR(a.loss_map, b.loss_map, 1e-9) << method;
    EXPECT_NEAR(a.loss_potential, b.loss_potential, 1e-9) << method;
    EXPECT_NEAR(a.gradient_map, b.gradient_map, 1e-6 * a.gradient_map) << method;
    EXPECT_NEAR(a.gradient_potential, b.gradient_potential, 1e-6 * a.gradient_potential) << method;
  }
}

TEST(Solver, Bf16FollowsFp32) {
  auto recipe = small_image("weak");
  recipe.map.norm = "group";
  auto full = make_solver(recipe, kImage);
  recipe.train.precision = "bf16";
  auto half = make_solver(recipe, kImage);
  const auto a = full->outer_iteration(0, batches_of(kImage)), b = half->outer_iteration(0, batches_of(kImage));
  EXPECT_NEAR(a.loss_map, b.loss_map, 0.03 * std::abs(a.loss_map) + 0.01);  // bf16 keeps 8 bits
  for (const auto& [name, tensor] : half->state()) {
    if (name.starts_with("map/") && tensor.is_floating_point()) {
      EXPECT_EQ(tensor.scalar_type(), torch::kFloat32) << name;
    }
  }
}

TEST(Precision, OfMatrixUnitsBecomesFp32WhereThereAreNone) {
  std::string warning;
  const LogSink log = [&](LogLevel, const std::string& message) { warning = message; };
  EXPECT_EQ(resolve_precision("bf16x3", torch::kCUDA, log), "fp32");
  EXPECT_THAT(warning, AllOf(HasSubstr("bf16x3"), HasSubstr("AMX")));
  nn::gemm::matrix_units_allowed = false;
  const auto forbidden = resolve_precision("bf16x6", torch::kCPU, log);
  nn::gemm::matrix_units_allowed = true;
  EXPECT_EQ(forbidden, "fp32");
  EXPECT_THAT(warning, HasSubstr("bf16x6"));
  if (nn::gemm::has_matrix_units()) {
    EXPECT_EQ(resolve_precision("bf16x3", torch::kCPU, log), "bf16x3");
  }
}

TEST(Solver, ChannelsLastChangesNothingButTheLayout) {
  auto recipe = small_image("strong");
  auto last = make_solver(recipe, kImage);
  recipe.train.channels_last = false;
  auto first = make_solver(recipe, kImage);
  const auto a = last->outer_iteration(0, batches_of(kImage)), b = first->outer_iteration(0, batches_of(kImage));
  EXPECT_NEAR(a.loss_map, b.loss_map, 1e-4 * std::abs(b.loss_map) + 1e-5);
  EXPECT_NEAR(a.loss_potential, b.loss_potential, 1e-3 * std::abs(b.loss_potential) + 1e-4);
}

// The same training within rounding: over several seeds the losses of the fused convolutions are about as far from
// those in double as LibTorch's in float32 are. One seed says little. Adam divides by the size of a gradient, also
// where that is nothing but rounding, so the distance of the second iteration varies from 1e-6 to 1e-3 with the seed,
// for either. Winograd's transforms round more often than plain sums: the mean distances of 12 seeds had ratios of 0.9
// to 2.9.
TEST(Solver, FusedConvolutionsTrainAlike) {
  const auto trace = [](int64_t seed, bool fused, const std::string& precision) {
    auto recipe = small("strong");
    recipe.train.seed = seed;
    recipe.train.fused = fused;
    recipe.train.precision = precision;
    recipe.train.lr_map = recipe.train.lr_potential = 1e-4;
    recipe.potential.width_max = 64;
    auto solver = make_solver(recipe, kImage);
    std::vector<double> losses;
    for (int64_t k = 0; k < 2; ++k) {
      auto batches = batches_of(kImage);
      if (precision == "fp64") {
        batches = {[](int64_t step) { return batches_of(kImage).source(step).to(torch::kFloat64); },
                   [](int64_t step) { return batches_of(kImage).target(step).to(torch::kFloat64); }};
      }
      const auto metrics = solver->outer_iteration(k, batches);
      losses.insert(losses.end(), {metrics.loss_map, metrics.loss_potential});
    }
    return torch::tensor(losses, torch::kFloat64);
  };
  constexpr int64_t kSeeds = 12;
  auto fused_error = torch::zeros({4}, torch::kFloat64), plain_error = torch::zeros({4}, torch::kFloat64);
  for (int64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto exact = trace(seed, false, "fp64"), plain = trace(seed, false, "fp32"),
               fused = trace(seed, true, "fp32");
    EXPECT_FALSE(torch::equal(plain, fused)) << "both took the same way";
    fused_error += (fused - exact).abs() / kSeeds;
    plain_error += (plain - exact).abs() / kSeeds;
  }
  for (int64_t i = 0; i < 4; ++i) {
    const double fused = fused_error[i].item<double>(), plain = plain_error[i].item<double>();
    EXPECT_LT(plain, i < 2 ? 5e-5 : 5e-4) << i;
    EXPECT_LT(fused, 8 * plain) << i;
  }
}

TEST(Solver, EveryStabiliserTakesPart) {
  const auto loss_after = [](auto&& change) {
    auto recipe = small("strong");
    change(recipe);
    auto solver = make_solver(recipe, kPlane);
    for (int64_t k = 0; k < 3; ++k) solver->outer_iteration(k, batches_of(kPlane));
    return solver->outer_iteration(3, batches_of(kPlane)).loss_potential;
  };
  const double plain = loss_after([](SolverOptions&) {});
  EXPECT_NE(plain, loss_after([](SolverOptions& r) { r.potential.r1 = 1; }));
  EXPECT_NE(plain, loss_after([](SolverOptions& r) { r.potential.expectile = 1; }));
  EXPECT_NE(plain, loss_after([](SolverOptions& r) { r.train.clip = 1e-3; }));
  EXPECT_NE(loss_after([](SolverOptions& r) { r.potential.r1 = 1; }),
            loss_after([](SolverOptions& r) { r.potential.r1 = 1, r.potential.r1_every = 2; }));
}

TEST(Solver, AugmentationIsOfTheStrengthThatTheOptionsName) {
  auto recipe = small_image("weak");
  const auto losses = [&](const std::string& kind, double strength) {
    recipe.potential.augment = kind;
    recipe.potential.augment_strength = strength;
    const auto metrics = make_solver(recipe, kImage)->outer_iteration(0, batches_of(kImage));
    EXPECT_EQ(metrics.augmentation, kind == "none" ? 0 : strength);
    return std::pair(metrics.loss_map, metrics.loss_potential);
  };
  const auto plain = losses("none", 0.5), idle = losses("all", 0), changed = losses("all", 0.5);
  EXPECT_NEAR(idle.first, plain.first, 1e-5);
  EXPECT_NEAR(idle.second, plain.second, 1e-5);
  EXPECT_GT(std::abs(changed.first - plain.first), 1e-5);
  EXPECT_GT(std::abs(changed.second - plain.second), 1e-5);
  for (const char* strength : {"0.95", "-0.1", "much"}) {
    EXPECT_THAT(testing::message_of([&] { assign(recipe, {std::string("potential.augment_strength=") + strength}); }),
                HasSubstr("0.0 to 0.9"))
        << strength;
  }
}

TEST(Adam, EqualsTorchsAndClips) {
  auto ours = torch::randn({5, 3}).requires_grad_(true);
  auto theirs = ours.detach().clone().requires_grad_(true);
  Adam adam({{"w", ours}}, {.beta1 = 0.5, .beta2 = 0.99, .weight_decay = 0.01});
  torch::optim::Adam reference({theirs}, torch::optim::AdamOptions(1e-2).betas({0.5, 0.99}).weight_decay(0.01));
  for (int i = 0; i < 5; ++i) {
    adam.zero_grad();
    reference.zero_grad();
    const auto loss = (ours.pow(4)).sum();
    loss.backward();
    theirs.pow(4).sum().backward();
    adam.step(1e-2, loss);
    reference.step();
  }
  EXPECT_LT(testing::relative_error(ours, theirs), 1e-5);
  Adam clipped({{"w", ours}}, {.clip = 1e-3});
  clipped.zero_grad();
  const auto loss = 100 * ours.square().sum();
  loss.backward();
  const auto step = clipped.step(0, loss);
  EXPECT_NEAR(ours.grad().norm().item<double>(), 1e-3, 1e-6);
  EXPECT_GT(step.gradient_norm.item<double>(), 1);
}

// Dynamic loss scaling: an overflow skips the step and halves the scale, and does not change the next step.
TEST(Adam, TheLossScalerSkipsOverflowsAndRecovers) {
  auto w = torch::ones({3}).requires_grad_(true);
  Adam adam({{"w", w}}, {.scale_loss = true});
  const auto scale = [&] { return adam.state()[1].second.item<double>(); };
  EXPECT_EQ(scale(), 65536);
  adam.zero_grad();
  adam.scaled(w.sum() * 1e35).backward();  // 1e35 * 65536 overflows float32
  EXPECT_EQ(adam.step(0.1, w.sum()).blocked.item<float>(), 1);
  EXPECT_EQ(scale(), 32768);
  EXPECT_TRUE(torch::equal(w, torch::ones({3})));
  adam.zero_grad();
  adam.scaled(w.sum()).backward();
  const auto step = adam.step(0.1, w.sum());
  EXPECT_EQ(step.blocked.item<float>(), 0);
  EXPECT_NEAR(step.gradient_norm.item<double>(), std::sqrt(3.0), 1e-5);
  EXPECT_NEAR(w[0].item<double>(), 0.9, 1e-5);
}

TEST(MakeNets, RefusesWhatDoesNotFitTheData) {
  auto recipe = small("strong");
  EXPECT_THAT(testing::message_of([&] { make_nets(recipe, {2}, {3}); }),
              AllOf(HasSubstr("the same shape"), HasSubstr("[2] and [3]")));
  EXPECT_THAT(testing::message_of([&] { make_nets(recipe, {3, 32, 32}, {3, 64, 64}); }), HasSubstr("source.size"));
  recipe.train.precision = "bf16x6";
  EXPECT_THAT(testing::message_of([&] { make_nets(recipe, {3, 32, 32}, {3, 32, 32}); }),
              AllOf(HasSubstr("train.precision"), HasSubstr("vectors")));
  recipe.train.fused = false;
  EXPECT_THAT(testing::message_of([&] { make_nets(recipe, {2}, {2}); }), HasSubstr("train.fused = true"));
  recipe.train.precision = "fp32";
  recipe.map.net = "unet";
  EXPECT_THAT(testing::message_of([&] { make_nets(recipe, {2}, {2}); }),
              AllOf(HasSubstr("map.net"), HasSubstr("vectors")));
}

// The memory of a step grows with the batch; that of the state follows from the numbers of parameters.
TEST(Memory, IsMeasured) {
  auto recipe = small("strong");
  recipe.train.batch = 1024;
  const auto large = measure_memory(recipe, kPlane);
  recipe.train.batch = 256;
  const auto little = measure_memory(recipe, kPlane);
  EXPECT_GT(large.step, 2 * little.step);
  EXPECT_GT(large.step, 1024 * 16 * 4 * 2);  // at least two layers' activations
  EXPECT_EQ(large.state, little.state);
}

}  // namespace
}  // namespace monge::solve
