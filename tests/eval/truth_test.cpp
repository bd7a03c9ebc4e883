#include "monge/eval/truth.h"

#include <ATen/Context.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/data/open.h"
#include "monge/eval/discrete_ot.h"
#include "monge/train/trainer.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

std::shared_ptr<const data::Source> open(const std::string& path) {
  data::SourceOptions options;
  options.path = path;
  return data::open_source(options, silent());
}

// Every stated answer against the exact plan of samples; the known maps against the stated cost and the target's law.
TEST(TruthCases, StateWhatTheExactPlanFinds) {
  for (const auto& name : truth_names()) {
    if (name == "w2bench" || name == "weak-gaussian" || name == "entropic-mixture") continue;
    const auto truth = truth_case(name, {});
    if (!std::isfinite(truth.w2_squared)) continue;
    const RandomStreams streams(11);
    const auto x = open(truth.recipe.source.path)->draw(1500, streams.at("x", 0));
    const auto y = open(truth.recipe.target.path)->draw(1500, streams.at("y", 0));
    // 1,500 samples: the means of a Gaussian pair alone scatter the cost by 0.1.
    EXPECT_NEAR(exact_w2_squared(x, y), truth.w2_squared, 0.12 * truth.w2_squared + 0.02) << name;
    if (!truth.map) continue;
    const double cost = (truth.map(x) - x).square().sum(1).mean().item<double>();
    EXPECT_NEAR(cost, truth.w2_squared, 0.06 * truth.w2_squared) << name;
    EXPECT_NEAR(y.var(0, true).sum().item<double>(), truth.target_variance, 0.1 * truth.target_variance) << name;
    EXPECT_LT(exact_w2_squared(truth.map(x), y), 0.05 * truth.target_variance) << name << ": the map misses the target";
  }
}

TEST(TruthCases, RefuseWhatTheyDoNotTake) {
  EXPECT_THAT(message_of([] { truth_case("perpendicular", {.dim = 7}); }),
              AllOf(HasSubstr("TruthOptions::dim"), HasSubstr("7"), HasSubstr("even")));
  EXPECT_THAT(message_of([] { truth_case("line", {.dim = 2}); }), AllOf(HasSubstr("line"), HasSubstr("allowed: 1")));
  EXPECT_THAT(message_of([] { truth_case("perpendiclar", {}); }), HasSubstr("did you mean \"perpendicular\""));
  EXPECT_THAT(message_of([] { truth_case("w2bench", {}); }), HasSubstr("TruthOptions::pair"));
  EXPECT_THAT(message_of([] { truth_case("w2bench", {.pair = "/nowhere/2.safetensors"}); }),
              HasSubstr("/nowhere/2.safetensors"));
}

TEST(Truth, ScoresATrainingOfAFewIterations) {
  auto truth = truth_case("parallel", {.quick = true});
  truth.recipe.train.iterations = 2;
  const auto result = run_truth(truth, torch::kCPU, std::atomic<bool>{false}, silent(), nullptr);
  EXPECT_TRUE(result.complete);
  const auto& score = result.score;
  EXPECT_GT(score.target_error, 3 * score.target_floor) << "two iterations cannot reach the target";
  EXPECT_GT(score.l2_uvp, 10);
  EXPECT_GT(score.cost_error, 0.1);
  EXPECT_NEAR(score.target_collapse, 1.0 / 3, 0.05);
  EXPECT_EQ(result.y.sizes(), (std::vector<int64_t>{512, 4, 2})) << "a plan draws anew";
}

// As in monge train: --set train.deterministic=true, train.tf32, train.cudnn_benchmark.
TEST(Truth, TrainsWithTheSettingsOfItsRecipe) {
  auto truth = truth_case("parallel", {.quick = true});
  truth.recipe.train.iterations = 1;
  for (const bool deterministic : {true, false}) {
    truth.recipe.train.deterministic = deterministic;
    run_truth(truth, torch::kCPU, std::atomic<bool>{false}, silent(), nullptr);
    EXPECT_EQ(at::globalContext().deterministicAlgorithms(), deterministic);
  }
}

}  // namespace
}  // namespace monge::eval
