#include "monge/eval/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <map>

#include "monge/core/random.h"
#include "monge/solve/nets.h"
#include "tests/data/named_table.h"

namespace monge::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A map that returns its input, to evaluate data with.
model::Model identity() {
  train::Recipe recipe;
  recipe.map.residual = recipe.map.zero_last = true;
  recipe.map.width = 8;
  model::Model model;
  model.net = solve::make_map(recipe, {2}, {2});
  model.net->eval();
  model.item_shape = {2};
  model.recipe = recipe;
  return model;
}

std::shared_ptr<const data::Source> table(double offset, int64_t step, double shift) {
  const auto z = torch::randn({300, 2}, RandomStreams(6).at("rows", step), torch::kFloat64);
  return std::make_shared<data::NamedTable>("t", z + shift + torch::tensor({0., offset}, torch::kFloat64),
                                            io::TableNames{.columns = {"x", "time"}, .rows = {}, .index = ""});
}

TEST(Evaluation, JudgesNoMapByColumnsThatFloat32CannotHold) {
  // In float32 both sides have one value in the second column, so that the identity seems to reach the target there.
  const auto lost = evaluate(identity(), *table(1.75e9, 0, 0), *table(1.75e9, 1, 0), *table(1.75e9, 2, 0), 300, 0);
  EXPECT_THAT(lost.lost_columns, ElementsAre("the source's columns \"time\"", "the target's columns \"time\""));
  EXPECT_EQ(lost.target_verdict(), TargetVerdict::unknown);
  EXPECT_EQ(lost.verdict(),
            "cannot be judged: float32 cannot hold the source's columns \"time\", the target's columns \"time\", so "
            "the metrics use rounded values; set data.standardise");
  const auto far = evaluate(identity(), *table(0, 0, 9), *table(0, 1, 0), *table(0, 2, 0), 300, 0);
  EXPECT_THAT(far.lost_columns, IsEmpty());
  EXPECT_EQ(far.target_verdict(), TargetVerdict::missed);
  EXPECT_THAT(far.verdict(), HasSubstr("MISSES"));
}

/// The table of `table(0, step, 0)` with one value of row 17 replaced.
std::shared_ptr<const data::Source> table_with(double value, int64_t step) {
  auto rows = torch::randn({300, 2}, RandomStreams(6).at("rows", step), torch::kFloat64);
  rows[17][0] = value;
  return std::make_shared<data::NamedTable>("t", rows);
}

std::map<std::string, double> named_values(const Evaluation& evaluation) {
  const auto named = evaluation.named();
  return {named.begin(), named.end()};
}

// A map must not be praised for outputs that are not numbers; a fill value is finite, and its distances are not.
TEST(Evaluation, JudgesNoMapByOutputsThatAreNotFinite) {
  for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 3e38}) {
    const auto result = evaluate(identity(), *table_with(bad, 0), *table(0, 1, 0), *table(0, 2, 0), 300, 0);
    EXPECT_EQ(result.target_verdict(), TargetVerdict::unknown) << bad;
    EXPECT_THAT(result.verdict(), HasSubstr("cannot be judged: 1 of 300 outputs is ")) << bad;
    EXPECT_THAT(result.verdict(),
                HasSubstr("; the first is that of row 17 (counted from 0); look for fill values in the input"))
        << bad;
    const auto named = named_values(result);
    for (const char* name : {"target_error", "target_start", "cost", "mse"}) {
      ASSERT_TRUE(named.contains(name)) << name << " must be null and not absent";
      EXPECT_TRUE(std::isnan(named.at(name))) << name << ' ' << bad;
    }
    EXPECT_TRUE(std::isfinite(named.at("target_floor"))) << "it is of the target alone";
    EXPECT_FALSE(named.contains("psnr")) << "it does not apply to vectors";
    EXPECT_FALSE(named.contains("feature_error"));
  }
}

TEST(Evaluation, JudgesNoMapByATargetThatIsNotFinite) {
  const auto result = evaluate(identity(), *table(0, 0, 0), *table_with(-std::numeric_limits<double>::infinity(), 1),
                               *table(0, 2, 0), 300, 0);
  EXPECT_EQ(result.verdict(),
            "cannot be judged: 1 of 300 target samples is not finite; the first is that of row 17 (counted from 0); "
            "look for fill values in the target");
  EXPECT_TRUE(std::isnan(named_values(result).at("target_error")));
  EXPECT_TRUE(std::isnan(named_values(result).at("target_floor")));
  EXPECT_EQ(result.value("mse"), 0);
  const auto other = evaluate(identity(), *table(0, 0, 0), *table(0, 1, 0), *table_with(3e38, 2), 300, 0);
  EXPECT_THAT(other.verdict(), HasSubstr("1 of 300 training target samples is beyond 1e19"));
  EXPECT_TRUE(std::isfinite(other.value("target_error")));
  EXPECT_EQ(other.target_verdict(), TargetVerdict::unknown);
}

TEST(Evaluation, IsOfOutputsAsTheyAreUsed) {
  auto model = identity();
  const auto x = table(0, 0, 0);
  const auto free = evaluate(model, *x, *table(0, 1, 0), *table(0, 2, 0), 300, 0);
  EXPECT_EQ(free.value("mse"), 0);
  model.set_output_range("0..");
  const auto clamped = evaluate(model, *x, *table(0, 1, 0), *table(0, 2, 0), 300, 0);
  std::vector<int64_t> all(300);
  for (int64_t i = 0; i < 300; ++i) all[static_cast<size_t>(i)] = i;
  EXPECT_NEAR(clamped.value("mse"), x->items(all).clamp_max(0).square().mean().item<double>(), 1e-6);
  EXPECT_GT(clamped.value("target_error"), 2 * free.value("target_error"));
}

}  // namespace
}  // namespace monge::eval
