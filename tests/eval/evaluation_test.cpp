#include "monge/eval/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "monge/train/nets.h"
#include "tests/data/named_table.h"

namespace monge::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A map that returns its input, to judge data with.
train::Model identity() {
  train::Recipe recipe;
  recipe.map.residual = recipe.map.zero_last = true;
  recipe.map.width = 8;
  train::Model model;
  model.net = train::make_map(recipe, {2}, {2});
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
  EXPECT_EQ(lost.reach(), Reach::unknown);
  EXPECT_EQ(lost.verdict(), "cannot be judged: float32 cannot hold the source's columns \"time\", the target's columns \"time\", and the metrics are of the rounded values "
                            "(data.standardise)");
  const auto far = evaluate(identity(), *table(0, 0, 9), *table(0, 1, 0), *table(0, 2, 0), 300, 0);
  EXPECT_THAT(far.lost_columns, IsEmpty());
  EXPECT_EQ(far.reach(), Reach::missed);
  EXPECT_THAT(far.verdict(), HasSubstr("MISSES"));
}

TEST(Evaluation, IsOfOutputsAsTheyAreUsed) {
  auto model = identity();
  const auto x = table(0, 0, 0);
  const auto free = evaluate(model, *x, *table(0, 1, 0), *table(0, 2, 0), 300, 0);
  EXPECT_EQ(free.mse, 0);
  model.set_output_range("0..");
  const auto clamped = evaluate(model, *x, *table(0, 1, 0), *table(0, 2, 0), 300, 0);
  std::vector<int64_t> all(300);
  for (int64_t i = 0; i < 300; ++i) all[static_cast<size_t>(i)] = i;
  EXPECT_NEAR(clamped.mse, x->items(all).clamp_max(0).square().mean().item<double>(), 1e-6);
  EXPECT_GT(clamped.target_error, 2 * free.target_error);
}

}  // namespace
}  // namespace monge::eval
