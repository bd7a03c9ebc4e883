// A metric that the library does not know, added from outside of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/eval/held_out_evaluator.h"
#include "monge/eval/metrics.h"
#include "monge/train/trainer.h"
#include "monge/train/training_data.h"
#include "tests/eval/simple_map.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

/// The distance of the farthest output from the origin.
Metric farthest_output() {
  return {.name = "farthest_output",
          .label = "farthest",
          .note = "   distance of the farthest output from the origin",
          .is_distance = true,
          .needs = {Need::vectors},
          .of = {Samples::outputs},
          .compute = [](MetricContext& context) { return context.first_output().norm(2, 1).max().item<double>(); }};
}

std::shared_ptr<const data::Source> rows(const torch::Tensor& values) {
  return std::make_shared<data::TensorSource>("rows", values);
}

torch::Tensor normal_rows(const std::vector<int64_t>& shape, const char* purpose) {
  return torch::randn(shape, RandomStreams(5).at(purpose, 0));
}

/// The registry is the process's own, so that the metric is added once.
class ExternalMetric : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { metrics().add(farthest_output()); }
};

TEST_F(ExternalMetric, IsInTheTableOfAnEvaluation) {
  const auto x = normal_rows({30, 2}, "x"), y = normal_rows({30, 2}, "y");
  const auto result = evaluate(affine_model({2}, 2, 0), *rows(x), *rows(y), *rows(y), 30, 0);
  const double expected = 2 * x.norm(2, 1).max().item<double>();
  EXPECT_NEAR(result.value("farthest_output"), expected, 1e-6);
  const auto last = result.named().back();  // what metrics.jsonl, summary.json and event files have
  EXPECT_EQ(last.first, "farthest_output");
  EXPECT_NEAR(last.second, expected, 1e-6);
  EXPECT_TRUE(is_distance("farthest_output"));
}

TEST_F(ExternalMetric, AppliesWhereItsNeedsAreMet) {
  const auto images = normal_rows({5, 3, 8, 8}, "images");
  const auto result = evaluate(affine_model({3, 8, 8}, 1, 0), *rows(images), *rows(images), *rows(images), 5, 0);
  for (const auto& [name, value] : result.named()) EXPECT_NE(name, "farthest_output");
}

TEST_F(ExternalMetric, IsNotMeasuredWhereItsSamplesCannotBe) {
  auto x = normal_rows({30, 2}, "x");
  x[3][1] = std::numeric_limits<float>::infinity();
  const auto y = normal_rows({30, 2}, "y");
  const auto result = evaluate(affine_model({2}, 1, 0), *rows(x), *rows(y), *rows(y), 30, 0);
  EXPECT_EQ(result.named().back().first, "farthest_output") << "null in metrics.jsonl, and not absent";
  EXPECT_TRUE(std::isnan(result.value("farthest_output")));
}

TEST_F(ExternalMetric, MayChooseTheBestCheckpoint) {
  train::Recipe recipe;
  recipe.method = "strong";
  recipe.source.path = recipe.target.path = "toy:moons";
  recipe.map.width = recipe.potential.width = 8;
  recipe.train.iterations = 2;
  recipe.train.batch = 16;
  recipe.train.k_t = 1;
  recipe.eval.every = 1;
  recipe.eval.samples = 32;
  recipe.eval.best = "farthest_output";
  train::Trainer trainer(recipe, train::open_training_data(recipe), torch::kCPU, "", silent());
  std::vector<double> values;
  HeldOutEvaluator held_out([&](int64_t, const Evaluation& e) { values.push_back(e.value("farthest_output")); });
  trainer.attach(held_out);
  trainer.run(std::atomic<bool>{false});
  ASSERT_EQ(values.size(), 2u);
  ASSERT_TRUE(trainer.best_metric().has_value());
  EXPECT_EQ(*trainer.best_metric(), std::min(values[0], values[1]));
}

TEST_F(ExternalMetric, NeedsANameOfItsOwn) {
  const auto message = [](const Metric& metric) { return message_of([&] { metrics().add(metric); }); };
  auto metric = farthest_output();
  EXPECT_EQ(message(metric), "a metric named \"farthest_output\" is there already");
  metric.name = "fd_mine";
  EXPECT_THAT(message(metric), HasSubstr("\"fd_mine\" is there already"))
      << "it would be taken for one of ImageEvaluator";
  metric.name = "mine";
  metric.compute = nullptr;
  EXPECT_THAT(message(metric), HasSubstr("needs a name and a function that computes it"));
}

}  // namespace
}  // namespace monge::eval
