// Trainings whose answer is known in closed form, with the settings of the known cases.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <atomic>
#include <cmath>

#include "monge/core/random.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/truth.h"
#include "monge/model/model.h"
#include "monge/ot/noised.h"
#include "monge/ot/weak.h"
#include "monge/train/trainer.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

const std::atomic<bool> kGo{false};

/// Trains in memory; nothing is written.
std::unique_ptr<train::Trainer> trained(const train::Recipe& recipe) {
  auto trainer = std::make_unique<train::Trainer>(recipe, train::open_training_data(recipe), torch::kCPU, "", silent());
  trainer->run(kGo);
  return trainer;
}

/// 100 E||T - T*||^2 / Var Q of a case, on inputs of its own.
double uvp_of(const TruthCase& truth) {
  const auto trainer = trained(truth.recipe);
  const auto x = trainer->data().source->draw(1 << 14, RandomStreams(99).at("test", 0));
  const auto y = model::model_of(*trainer).translate(x, 1, RandomStreams(99).at("z", 0)).squeeze(1);
  return l2_uvp(y, truth.map(x), truth.target_variance);
}

TEST(Strong, ReachesTheGaussianMapInTwoDimensions) {
  auto truth = truth_case("gaussian", {.dim = 2});
  truth.recipe.train.iterations = 1200;
  const double uvp = uvp_of(truth);
  std::printf("L2-UVP %.4f %%\n", uvp);
  EXPECT_LT(uvp, 1.0);
}

TEST(Strong, ReachesTheGaussianMapInSixteenDimensions) {
  const double uvp = uvp_of(truth_case("gaussian", {.dim = 16}));
  std::printf("L2-UVP %.4f %%\n", uvp);
  EXPECT_LT(uvp, 1.0);
}

/// The plane's Gaussians by a potential that knows the noise level.
TruthCase noised_gaussian(int64_t iterations) {
  auto truth = truth_case("gaussian", {.dim = 2, .method = "noised"});
  truth.recipe.section<ot::NoisedOptions>().sigma_max = 5;  // the data's own scale: more noise tells nothing
  truth.recipe.section<ot::NoisedOptions>().sigma_data = 1;
  truth.recipe.train.iterations = iterations;
  return truth;
}

TEST(Noised, ReachesTheGaussianMapInTwoDimensions) {
  const double uvp = uvp_of(noised_gaussian(1200));
  std::printf("L2-UVP %.4f %%\n", uvp);
  EXPECT_LT(uvp, 2.0);
}

// The seed's noised training learnt nothing for hours; with a weight per sample it moves from the first iterations.
TEST(Noised, LearnsFromTheFirstIterations) {
  const double before = uvp_of(noised_gaussian(1)), after = uvp_of(noised_gaussian(150));
  std::printf("L2-UVP %.2f %% after 1 iteration, %.2f %% after 150\n", before, after);
  EXPECT_LT(after, 0.2 * before);
}

/// Moments of the plan of a weak training: slope of the conditional mean, and the conditional variance per coordinate.
struct Plan {
  double slope, variance;
};

Plan plan_of(const train::Recipe& recipe) {
  const auto trainer = trained(recipe);
  const auto x = trainer->data().source->draw(2048, RandomStreams(7).at("x", 0));
  const auto y = model::model_of(*trainer).translate(x, 128, RandomStreams(7).at("z", 0)).to(torch::kFloat64);
  const auto mean = y.mean(1), wide = x.to(torch::kFloat64);
  return {((mean * wide).sum() / wide.square().sum()).item<double>(), y.var(1, true).mean().item<double>()};
}

// gamma = 0.8 >= s/t = 0.5: the conditional mean is x / gamma, the conditional variance t^2 - s^2/gamma^2.
TEST(Weak, MeetsTheClosedFormAboveTheThreshold) {
  const auto truth = truth_case("weak-gaussian", {.dim = 2});
  const double slope = truth.map(torch::ones({1, 2}))[0][0].item<double>();
  EXPECT_NEAR(slope, 1 / 0.8, 1e-6);
  EXPECT_NEAR(truth.plan_variance, 1 - 0.25 / 0.64, 1e-12);
  const auto plan = plan_of(truth.recipe);
  std::printf("slope %.4f (closed form %.4f), variance %.4f (%.4f)\n", plan.slope, slope, plan.variance,
              truth.plan_variance);
  EXPECT_NEAR(plan.slope, slope, 0.05 * slope);
  EXPECT_NEAR(plan.variance, truth.plan_variance, 0.05 * truth.plan_variance);
}

// gamma = 0.4 < s/t = 0.8: the plan is the map (t/s) x and has no variance.
TEST(Weak, MeetsTheClosedFormBelowTheThreshold) {
  auto recipe = truth_case("weak-gaussian", {.dim = 2}).recipe;
  recipe.source.path = "toy:gaussian?dim=2&std=0.8";
  recipe.section<ot::WeakOptions>().gamma0 = recipe.section<ot::WeakOptions>().gamma1 = 0.4;
  const auto plan = plan_of(recipe);
  std::printf("slope %.4f (closed form 1.2500), variance %.4f (0)\n", plan.slope, plan.variance);
  EXPECT_NEAR(plan.slope, 1.25, 0.05 * 1.25);
  EXPECT_LT(plan.variance, 0.05);
}

TEST(Kernel, ReachesAMixtureOfEight) {
  auto recipe = truth_case("mixture8", {.method = "kernel"}).recipe;
  recipe.cost.scale = "1.0";
  recipe.section<ot::KernelOptions>().z = 4;
  recipe.section<ot::KernelOptions>().z_channels = 2;
  // Kinks follow the jumps of this plan; smooth activations leave bridges between the modes (target error 0.013, not
  // 0.0015).
  recipe.map.activation = recipe.potential.activation = "relu";
  recipe.potential.zero_last = true;
  recipe.train.batch = 256;
  recipe.train.k_t = 10;
  recipe.train.lr_map = recipe.train.lr_potential = 1e-3;
  recipe.train.iterations = 1200;
  const auto trainer = trained(recipe);
  const RandomStreams streams(3);
  const int64_t n = 2048;
  const auto x = trainer->data().source->draw(n, streams.at("x", 0));
  const auto y = model::model_of(*trainer).translate(x, 1, streams.at("z", 0)).squeeze(1);
  const auto& target = *trainer->data().target;
  const auto reached = push_forward_error(x, y, target.draw(n, streams.at("a", 0)), target.draw(n, streams.at("b", 0)));
  std::printf("energy distance %.5f, floor %.5f\n", reached.error, reached.floor);
  EXPECT_LT(reached.error, 2 * reached.floor);
}

}  // namespace
}  // namespace monge::eval
