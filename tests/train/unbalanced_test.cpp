// Unbalanced trainings: the densities of a problem that is solved by hand, and the weights in models and evaluations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/eval/evaluation.h"
#include "monge/eval/weighted_samples.h"
#include "monge/model/initialise.h"
#include "monge/model/model.h"
#include "tests/support/support.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using ::testing::HasSubstr;

TrainingData two_points(double apart) {
  const auto items = [&](double at, int64_t step) {
    return std::make_shared<data::TensorSource>("items",
                                                at + 0.02 * torch::randn({256, 1}, RandomStreams(5).at("point", step)));
  };
  const auto source = items(0, 0), target = items(apart, 1);
  return {source, target, source, target};
}

// All of a mass 1 at 0 and of a mass 1 at d, with c = c(0, d): the plan moves the mass m that minimises
// c m + 2 alpha Psi(m), so Psi'(m) = -c / (2 alpha), and both marginals have the density m.
TEST(UnbalancedTraining, HasTheDensitiesOfTwoPoints) {
  constexpr double kApart = 1.6, kAlpha = 0.8, kCost = kApart * kApart / 2;
  const std::vector<std::pair<std::string, double>> masses{{"kl", std::exp(-kCost / (2 * kAlpha))},
                                                           {"softplus", 2 / (1 + std::exp(kCost / (2 * kAlpha)))},
                                                           {"chi2", 1 - kCost / (4 * kAlpha)}};
  for (const auto& [divergence, mass] : masses) {
    auto recipe = recipe_for("strong", false);
    assign(recipe, {"unbalanced.source=\"" + divergence + '"', "unbalanced.target=\"" + divergence + '"',
                    "unbalanced.alpha=0.8", "cost.scale=\"half\"", "potential.expectile=0", "potential.r1=0.02",
                    "train.iterations=500", "train.batch=64", "train.lr_map=5e-3", "train.lr_potential=5e-3",
                    "train.k_t=3", "potential.r1_every=1"});
    Trainer trainer(recipe, two_points(kApart), torch::kCPU, "", silent());
    EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
    const auto model = model::model_of(trainer);
    torch::Tensor weights;
    const auto y = model.translate(torch::zeros({64, 1}), 1, RandomStreams(1).at("z", 0), &weights);
    EXPECT_NEAR(y.mean().item<double>(), kApart, 0.1) << divergence;
    EXPECT_NEAR(weights.mean().item<double>(), mass, 0.04) << divergence;
    EXPECT_NEAR(model.sample_weights->of_target(torch::full({1, 1}, kApart)).item<double>(), mass, 0.04) << divergence;
  }
}

TEST(UnbalancedTraining, KeepsTheWeightsInCheckpointAndExport) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  assign(recipe, {"unbalanced.source=\"softplus\"", "unbalanced.target=\"kl\"", "train.directions=\"both\""});
  auto trainer = trainer_in(folder.path(), recipe, false);
  EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
  const auto saved = model::load_model(folder.path(), torch::kCPU, silent());
  model::export_safetensors(saved, folder.path() / "map.safetensors");
  const auto exported = model::load_model(folder.path() / "map.safetensors", torch::kCPU, silent());
  const auto weights_of = [](const model::Model& model) {
    torch::Tensor weights;
    model.translate(torch::rand({7, 2}, RandomStreams(1).at("x", 0)), 1, RandomStreams(1).at("z", 0), &weights);
    return weights;
  };
  const auto own = weights_of(model::model_of(trainer));
  EXPECT_GT(own.std().item<double>(), 0);
  EXPECT_TRUE(torch::equal(own, weights_of(saved)));
  EXPECT_TRUE(torch::equal(own, weights_of(exported)));
  // Those of the inverse map's inputs are the densities of target samples.
  const auto x = torch::rand({7, 2}, RandomStreams(1).at("x", 0));
  EXPECT_TRUE(torch::equal(weights_of(saved.inverse()), saved.sample_weights->of_target(x)));
  EXPECT_TRUE(torch::equal(weights_of(exported.inverse().inverse()), own));

  // The weights of a balanced problem are 1, and its files hold no potential.
  auto plain = trainer_in("", recipe_for("strong", false), false);
  EXPECT_TRUE(torch::equal(weights_of(model::model_of(plain)), torch::ones({7})));
  EXPECT_FALSE(model::model_of(plain).sample_weights);
}

// The potential of the target sees its samples without the smoothing that the inverse map's inputs get.
TEST(UnbalancedTraining, WeighsTargetSamplesWithoutNoise) {
  auto recipe = recipe_for("otp", false);
  assign(recipe,
         {"otp.cost=\"strong\"", "otp.eps_end=\"0.3\"", "unbalanced.target=\"kl\"", "train.directions=\"both\""});
  auto trainer = trainer_in("", recipe, false);
  EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
  const auto model = model::model_of(trainer);
  const auto y = torch::rand({7, 2}, RandomStreams(1).at("y", 0));
  torch::Tensor weights;
  model.inverse().translate(y, 3, RandomStreams(1).at("z", 0), &weights);
  EXPECT_TRUE(torch::equal(weights, model.sample_weights->of_target(y)));
  model.translate(y, 3, RandomStreams(1).at("z", 0), &weights);
  EXPECT_TRUE(torch::equal(weights, torch::ones({7})));  // the source's marginal is fixed
}

TEST(UnbalancedTraining, IsEvaluatedOnWhatThePlanKeeps) {
  auto recipe = recipe_for("strong", false);
  assign(recipe, {"unbalanced.source=\"softplus\"", "unbalanced.target=\"softplus\"", "unbalanced.alpha=0.1"});
  auto trainer = trainer_in("", recipe, false);
  EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
  auto model = model::model_of(trainer);
  const auto data = data_for(false);
  const auto weighted = eval::evaluate(model, *data.source, *data.target, *data.target, 20, 0);
  EXPECT_GT(weighted.value("source_effective"), 0.05);
  EXPECT_LT(weighted.value("source_effective"), 1);
  EXPECT_LT(weighted.value("target_effective"), 1);
  EXPECT_THAT(weighted.verdict(), HasSubstr("unbalanced"));
  model.sample_weights.reset();
  const auto plain = eval::evaluate(model, *data.source, *data.target, *data.target, 20, 0);
  EXPECT_TRUE(std::isnan(plain.value("source_mass")));
  EXPECT_NE(plain.value("target_error"), weighted.value("target_error"));
}

// An exponential that overflows says so and does not pass for a balanced evaluation.
TEST(UnbalancedTraining, WithoutFiniteWeightsIsNotJudged) {
  auto recipe = recipe_for("strong", false);
  assign(recipe, {"unbalanced.source=\"kl\"", "unbalanced.target=\"kl\"", "unbalanced.alpha=1e-7"});
  auto trainer = trainer_in("", recipe, false);
  const auto model = model::model_of(trainer);
  const auto data = data_for(false);
  const auto result = eval::evaluate(model, *data.source, *data.target, *data.target, 20, 0);
  EXPECT_THAT(result.unmeasurable, HasSubstr("unbalanced.alpha"));
  EXPECT_EQ(result.target_verdict(), eval::TargetVerdict::unknown);
}

TEST(UnbalancedTraining, StartsFromThePotentialOfAnExport) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  assign(recipe, {"unbalanced.source=\"softplus\""});
  auto trainer = trainer_in(folder.path(), recipe, false);
  EXPECT_TRUE(trainer.run(std::atomic<bool>{false}));
  model::export_safetensors(model::load_model(folder.path(), torch::kCPU, silent()), folder.path() / "m.safetensors");
  recipe.train.init = (folder.path() / "m.safetensors").string();
  const auto initial = model::read_initial_weights(recipe, silent());
  const auto state = model::starting_state(initial, recipe, {2}, {2});
  EXPECT_THAT(state.messages.at(0).second, HasSubstr("and the potential"));
}

TEST(UnbalancedTraining, RefusesWhatHasAnotherCostOrNoConstant) {
  for (const std::string setting : {"potential.augment=\"all\"", "potential.net=\"icnn\""}) {
    auto recipe = recipe_for("strong", false);
    assign(recipe, {"unbalanced.target=\"kl\"", setting});
    EXPECT_THAT(testing::message_of([&] { validate(recipe); }), HasSubstr("unbalanced.target")) << setting;
  }

  for (const std::string method : {"weak", "kernel", "noised", "light"}) {
    auto recipe = recipe_for(method, false);
    assign(recipe, {"unbalanced.source=\"kl\"", "train.k_t=1"});
    EXPECT_THAT(testing::message_of([&] { validate(recipe); }), HasSubstr("unbalanced.source")) << method;
  }
}

TEST(WeightedSamples, AreDrawnByWeight) {
  const auto generator = [] { return RandomStreams(3).at("kept", 0); };
  const auto equal = std::get<0>(eval::resampled_indices(torch::full({50}, 0.3), generator()).sort());
  EXPECT_TRUE(torch::equal(equal, torch::arange(50)));
  const auto weights = torch::tensor({0.0, 1.0, 2.0, 0.0, 5.0});
  const auto many = torch::cat({weights, 3 * weights, torch::rand({90}, generator())});
  const auto count = torch::bincount(eval::resampled_indices(many, generator()), {}, 100).to(torch::kFloat64);
  EXPECT_LT((count - 100 * many / many.sum()).abs().max().item<double>(), 1 + 1e-5);
  EXPECT_EQ(count[0].item<double>() + count[3].item<double>(), 0);
  EXPECT_EQ(count.sum().item<double>(), 100);
  EXPECT_TRUE(
      torch::equal(std::get<0>(eval::resampled_indices(torch::zeros({4}), generator()).sort()), torch::arange(4)));
  EXPECT_DOUBLE_EQ(eval::effective_fraction(torch::full({8}, 0.2)), 1);
  EXPECT_NEAR(eval::effective_fraction(torch::tensor({0.0, 3.0, 0.0, 3.0})), 0.5, 1e-12);
}

}  // namespace
}  // namespace monge::train
