#include "monge/eval/output_score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/data/open.h"
#include "monge/io/safetensors.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

/// A case with few exact plans, for time.
TruthCase short_case(const std::string& name, const TruthOptions& options = {}) {
  auto out = truth_case(name, options);
  out.repeats = 4;
  return out;
}

torch::Tensor inputs_of(const TruthCase& truth, int64_t n, uint64_t seed = 0) {
  data::SourceOptions options;
  options.path = truth.recipe.source.path;
  return standard_inputs(*data::open_source(options), n, seed);
}

TEST(StandardInputs, BeginAlikeForEveryNumber) {
  for (const char* name : {"gaussian", "perpendicular", "mixture8"}) {
    const auto truth = truth_case(name, {});
    const auto many = inputs_of(truth, 3000), few = inputs_of(truth, 1500);
    EXPECT_TRUE(torch::equal(many.narrow(0, 0, 1500), few)) << name;
    EXPECT_FALSE(torch::equal(inputs_of(truth, 1500, 1), few)) << name;
    EXPECT_FALSE(torch::equal(many.narrow(0, 1024, 1024), many.narrow(0, 0, 1024))) << name << ": blocks repeat";
  }
}

// The linear map on the stored points of a pair: figures of numpy, see tests/fixtures/make_w2bench.py. They are stored
// in float64; the map here is computed in float64 from float32 weights, as there.
TEST(OutputScore, OfTheCommittedPairIsThatOfNumpy) {
  const auto path = (testing::fixtures_folder() / "w2bench/3.safetensors").string();
  const auto file = io::read_safetensors(path);
  const auto get = [&](const char* key) { return file.at(key, path).to(torch::kFloat64); };
  const auto x = get("X"), expected = get("figures");
  const auto linear = torch::matmul(x, get("linear/weight").t()) + get("linear/bias");
  const auto problem = known_problem(short_case("w2bench", {.pair = path}), x);
  const auto score = score_outputs(problem, linear.unsqueeze(1));
  EXPECT_NEAR(score.l2_uvp, expected[0].item<double>(), 1e-4);  // the stored Y is float32
  EXPECT_NEAR(score.cosine, expected[1].item<double>(), 1e-6);
  EXPECT_NEAR(score_outputs(problem, x.unsqueeze(1)).l2_uvp, expected[2].item<double>(), 1e-4);
  EXPECT_EQ(score.target_points, 64);
}

TEST(OutputScore, OfTheTrueMapIsPerfect) {
  for (const char* name : {"gaussian", "line", "parallel"}) {
    const auto truth = short_case(name);
    const auto problem = known_problem(truth, inputs_of(truth, 2048));
    const auto score = score_outputs(problem, problem.answer_ND.unsqueeze(1));
    EXPECT_LT(score.l2_uvp, 1e-9) << name;
    EXPECT_NEAR(score.cosine, 1, 1e-9) << name;
    EXPECT_LT(score.cost_error, 1e-9) << name << ": the answer on the same inputs has no sampling noise";
    EXPECT_EQ(score.target.w2_squared, score.target.floor) << name;
    EXPECT_EQ(score.verdict(), "reaches its target") << name;
    EXPECT_TRUE(std::isnan(score.plan_variance)) << name;
  }
}

// Few inputs may lie farther from the law than 1.5 floors of fresh samples. That is no fault of the map.
TEST(OutputScore, OfTheTrueMapOfFewInputsReachesItsTarget) {
  const auto truth = short_case("line");
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const auto problem = known_problem(truth, inputs_of(truth, 100, seed));
    EXPECT_EQ(score_outputs(problem, problem.answer_ND.unsqueeze(1)).verdict(), "reaches its target") << seed;
  }
}

// y = T*(x) + c: the L2-UVP is 100 |c|^2 / Var Q, and the cost is that of a longer shift.
TEST(OutputScore, OfAShiftIsInClosedForm) {
  const auto truth = short_case("parallel");
  const auto problem = known_problem(truth, inputs_of(truth, 1100));
  const auto score = score_outputs(problem, (problem.answer_ND + torch::tensor({0.0, 0.5})).unsqueeze(1));
  EXPECT_NEAR(score.l2_uvp, 100 * 0.25 * 3, 1e-5);  // Var Q = 1/3; inputs are float32
  EXPECT_NEAR(score.cosine, 1, 1e-9);
  EXPECT_NEAR(score.cost, 2.25, 1e-6);
  EXPECT_NEAR(score.cost_error, 1.25, 1e-6);
  EXPECT_NEAR(score.target.w2_squared, 0.25, 0.02);
  EXPECT_THAT(score.verdict(), HasSubstr("MISSES its target"));
}

TEST(OutputScore, OfOnePointIsTheCollapse) {
  const auto truth = short_case("gaussian");
  const auto problem = known_problem(truth, inputs_of(truth, 4096));
  const auto score = score_outputs(problem, torch::ones({4096, 1, 2}));
  EXPECT_NEAR(score.l2_uvp, 100, 5);  // the inputs' own variance scatters by 2 %
  EXPECT_NEAR(score.target.w2_squared, score.target.collapse, 0.05 * score.target.collapse);
  EXPECT_THAT(score.verdict(), HasSubstr("MISSES its target"));
}

// Samples of the optimal plan itself: conditional mean x / gamma, variance v. The mean of K samples adds 100 v / K.
TEST(OutputScore, OfAPlanComparesTheConditionalMean) {
  const auto truth = short_case("weak-gaussian");
  const auto problem = known_problem(truth, inputs_of(truth, 4096));
  constexpr int64_t draws = 16;
  const auto noise = torch::randn({4096, draws, 2}, RandomStreams(5).at("z", 0), torch::kFloat64);
  const auto score = score_outputs(problem, problem.answer_ND.unsqueeze(1) + std::sqrt(truth.plan_variance) * noise);
  EXPECT_NEAR(score.l2_uvp_noise, 100 * truth.plan_variance / draws, 0.1);
  EXPECT_NEAR(score.l2_uvp, score.l2_uvp_noise, 0.1);
  EXPECT_NEAR(score.plan_variance, truth.plan_variance, 0.01);
  EXPECT_NEAR(score.cost, truth.w2_squared, 0.03);
  EXPECT_LT(score.cost_error, 0.02);
  EXPECT_EQ(score.verdict(), "reaches its target");
  // The mean alone is no sample of the plan.
  EXPECT_THAT(score_outputs(problem, problem.answer_ND.unsqueeze(1)).verdict(), HasSubstr("MISSES"));
}

TEST(OutputScore, OfOneToManyGivesTheBranches) {
  const auto truth = short_case("one-to-many");
  const auto x = inputs_of(truth, 1024);
  const auto up = torch::tensor({0.0, 1.0});
  const auto score = score_outputs(known_problem(truth, x), torch::stack({x + up, x - up}, 1));
  EXPECT_THAT(score.branch, ::testing::Each(::testing::DoubleEq(0.5)));
  EXPECT_EQ(score.branch.size(), 8U);
  EXPECT_NEAR(score.cost_error, 0, 1e-6);
  EXPECT_TRUE(std::isnan(score.l2_uvp));
  EXPECT_NEAR(score.plan_variance, 1, 1e-6);  // (2 + 0) / 2 coordinates
}

// Without a stated cost, that of the exact plan of samples.
TEST(OutputScore, KnowsTheCostOfAPlanOfSamples) {
  const auto truth = short_case("mixture8");
  const auto x = inputs_of(truth, 256);
  const auto problem = known_problem(truth, x);
  EXPECT_NEAR(problem.least_cost, 2.08, 0.2);  // E(2 - |x|)^2 with the sectors of eight modes
  EXPECT_FALSE(problem.answer_ND.defined());
}

TEST(OutputScore, OfAnInverseMapComparesWithTheSource) {
  for (const char* name : {"gaussian", "line", "parallel"}) {
    const auto truth = short_case(name);
    const auto x = inputs_of(truth, 4096);
    const auto problem = inverse_problem(truth, x);
    EXPECT_TRUE(torch::equal(problem.answer_ND, x.to(torch::kFloat64))) << name;
    EXPECT_TRUE(torch::allclose(problem.x_ND, truth.map(x).to(torch::kFloat64), 1e-4, 1e-5)) << name;
    const auto score = score_outputs(problem, problem.answer_ND.unsqueeze(1));
    EXPECT_EQ(score.l2_uvp, 0) << name;
    EXPECT_EQ(score.verdict(), "reaches its target") << name;
    const auto mean = x.mean(0).expand_as(x).unsqueeze(1);
    EXPECT_NEAR(score_outputs(problem, mean).l2_uvp, 100, 5) << name << ": relative to the source's variance";
  }
  EXPECT_NEAR(inverse_problem(truth_case("parallel", {}), torch::zeros({2, 2})).target_variance, 1.0 / 3, 2e-3);
  EXPECT_THAT(message_of([] { inverse_problem(truth_case("weak-gaussian", {}), torch::zeros({2, 2})); }),
              AllOf(HasSubstr("no known map"), HasSubstr("weak-gaussian"), HasSubstr("gaussian, line")));
}

TEST(OutputScore, RefusesOtherShapes) {
  const auto truth = short_case("gaussian");
  EXPECT_THAT(message_of([&] { known_problem(truth, torch::zeros({5, 3})); }),
              AllOf(HasSubstr("gaussian"), HasSubstr("[5, 3]"), HasSubstr("[N, 2]")));
  const auto problem = known_problem(truth, torch::zeros({5, 2}));
  EXPECT_THAT(message_of([&] { score_outputs(problem, torch::zeros({4, 1, 2})); }),
              AllOf(HasSubstr("[4, 1, 2]"), HasSubstr("[5, K, 2]")));
}

}  // namespace
}  // namespace monge::eval
