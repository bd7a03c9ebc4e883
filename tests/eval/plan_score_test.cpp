// The distance of conditional laws to a known entropic plan.
#include "monge/eval/plan_score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/eval/output_score.h"
#include "monge/eval/truth.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using ::testing::HasSubstr;

TEST(PlanScore, IsTheFloorForDrawsAndAddsAShift) {
  const auto truth = truth_case("entropic-mixture", {.dim = 3, .epsilon = 0.5});
  ASSERT_TRUE(truth.plan);
  EXPECT_EQ(truth.plan->epsilon(), 0.5);
  const auto x = torch::randn({40, 3}, RandomStreams(1).at("x", 0), torch::kFloat64);
  const auto draws =
      truth.plan->plan_draw(x.repeat_interleave(2000, 0), RandomStreams(1).at("y", 0)).view({40, 2000, 3});
  const double own = plan_uvp(*truth.plan, x, draws, truth.target_variance);
  const double floor = plan_uvp_floor(*truth.plan, x, 2000, truth.target_variance);
  EXPECT_LT(own, 0.1);
  EXPECT_NEAR(own, floor, 0.5 * floor);
  // A shift moves the means alone: W2^2 grows by its square, up to the scatter of the means.
  const double shifted = plan_uvp(*truth.plan, x, draws + 0.2, truth.target_variance);
  EXPECT_NEAR(shifted - own, 100 * 3 * 0.04 / truth.target_variance, 0.1 * shifted);
  EXPECT_GT(plan_uvp_floor(*truth.plan, x, 20, truth.target_variance), 20 * floor);
  EXPECT_THROW(plan_uvp(*truth.plan, x, draws.narrow(1, 0, 1), 1), InputError);
}

TEST(PlanScore, IsPartOfTheScoreOfOutputs) {
  const auto truth = truth_case("entropic-mixture", {.dim = 2});
  const auto x = torch::randn({600, 2}, RandomStreams(1).at("x", 1), torch::kFloat64);
  const auto problem = known_problem(truth, x);
  const auto y = truth.plan->plan_draw(x.repeat_interleave(50, 0), RandomStreams(1).at("y", 1)).view({600, 50, 2});
  const auto score = score_outputs(problem, y);
  EXPECT_NEAR(score.plan_uvp, score.plan_uvp_floor, 0.5 * score.plan_uvp_floor);
  EXPECT_LT(score.cost_error, 0.05 * score.least_cost);
  EXPECT_THAT(score.verdict(), HasSubstr("reaches"));
  EXPECT_TRUE(std::isnan(score_outputs(problem, y.narrow(1, 0, 1)).plan_uvp));
  EXPECT_THAT(testing::message_of([&] { inverse_problem(truth, x); }), HasSubstr("entropic-mixture"));
}

TEST(PlanScore, HoldsForAMethodWithAnEntropyAlone) {
  EXPECT_FALSE(truth_case("entropic-mixture", {.dim = 2, .method = "strong"}).plan);
  EXPECT_FALSE(truth_case("entropic-mixture", {.dim = 2, .method = "kernel"}).map);
  EXPECT_THAT(testing::message_of([] { truth_case("gaussian", {.epsilon = 1}); }), HasSubstr("TruthOptions::epsilon"));
}

// A training of seconds comes near the plan.
TEST(PlanScore, OfATrainedPlanIsSmall) {
  const auto truth = truth_case("entropic-mixture", {.dim = 2, .quick = true});
  const auto result = run_truth(truth, torch::kCPU, std::atomic<bool>{false}, silent(), nullptr);
  EXPECT_LT(result.score.plan_uvp, 2);
  EXPECT_GT(result.score.plan_uvp, 0);
  EXPECT_LT(result.score.plan_uvp_floor, 0.5);
}

}  // namespace
}  // namespace monge::eval
