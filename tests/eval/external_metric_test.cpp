// A metric that the library does not know, added from outside of it.
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <typeinfo>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/dist/process_group.h"
#include "monge/eval/held_out_evaluator.h"
#include "monge/eval/metrics.h"
#include "monge/train/trainer.h"
#include "monge/train/training_data.h"
#include "tests/eval/simple_map.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using ::testing::AllOf;
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

std::function<void()> failure;  // what the metric "failing" does, if anything

/// A metric that throws on demand.
Metric failing() {
  return {.name = "failing", .needs = {Need::vectors}, .compute = [](MetricContext&) {
            if (failure) failure();
            return 0.0;
          }};
}

/// The registry is the process's own, so that the metrics are added once.
class ExternalMetric : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    metrics().add(failing());
    metrics().add(farthest_output());
  }
  void TearDown() override { failure = nullptr; }
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

/// The error of an evaluation in which the metric "failing" throws `thrown`; null if it has another type.
template <class AnyError>
std::unique_ptr<AnyError> error_of_evaluation(const AnyError& thrown) {
  failure = [thrown] { throw thrown; };
  const auto x = normal_rows({30, 2}, "x"), y = normal_rows({30, 2}, "y");
  try {
    evaluate(affine_model({2}, 2, 0), *rows(x), *rows(y), *rows(y), 30, 0);
  } catch (const AnyError& error) {
    return typeid(error) == typeid(AnyError) ? std::make_unique<AnyError>(error) : nullptr;
  } catch (const std::exception&) {
  }
  return nullptr;
}

TEST_F(ExternalMetric, IsNamedInItsErrorsWhichKeepTheirTypes) {
  const auto input =
      error_of_evaluation(InputError({.what = "bad value", .where = "a.bin", .value = "3", .fix = "mend"}));
  ASSERT_TRUE(input);
  EXPECT_STREQ(input->what(), "metric \"failing\": a.bin: bad value, got 3; mend");
  const auto plain = error_of_evaluation(InputError("it cannot be computed"));
  ASSERT_TRUE(plain);
  EXPECT_STREQ(plain->what(), "metric \"failing\": it cannot be computed");
  const auto common = error_of_evaluation(dist::CommonError("on all ranks"));
  ASSERT_TRUE(common) << "its message is printed once for all ranks";
  EXPECT_STREQ(common->what(), "metric \"failing\": on all ranks");
  const auto system = error_of_evaluation(SystemError("the disk is full"));
  ASSERT_TRUE(system);
  EXPECT_STREQ(system->what(), "metric \"failing\": the disk is full");
  const auto diverged = error_of_evaluation(DivergedError("not finite"));
  ASSERT_TRUE(diverged);
  EXPECT_STREQ(diverged->what(), "metric \"failing\": not finite");
  EXPECT_TRUE(error_of_evaluation(std::bad_alloc())) << "the program has a message of its own for it";
}

TEST_F(ExternalMetric, IsNamedInTheErrorsOfOtherLibraries) {
  const auto torch_error = error_of_evaluation(c10::Error("shapes do not match"));
  ASSERT_TRUE(torch_error);
  EXPECT_THAT(torch_error->what_without_backtrace(),
              AllOf(HasSubstr("shapes do not match"), HasSubstr("in the metric \"failing\"")));
  const auto x = normal_rows({30, 2}, "x"), y = normal_rows({30, 2}, "y");
  failure = [] { throw std::out_of_range("index 7"); };
  try {
    evaluate(affine_model({2}, 2, 0), *rows(x), *rows(y), *rows(y), 30, 0);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const SystemError& error) {  // exit code 1
    EXPECT_STREQ(error.what(), "metric \"failing\": index 7");
  }
}

TEST_F(ExternalMetric, NeedsANameOfItsOwn) {
  const auto message = [](const Metric& metric) { return message_of([&] { metrics().add(metric); }); };
  auto metric = farthest_output();
  EXPECT_EQ(message(metric), "a metric named \"farthest_output\" already exists");
  metric.name = "fd_mine";
  EXPECT_THAT(message(metric), HasSubstr("\"fd_mine\" already exists"))
      << "it would be taken for one of ImageEvaluator";
  metric.name = "mine";
  metric.compute = nullptr;
  EXPECT_THAT(message(metric), HasSubstr("needs a name and a function that computes it"));
}

}  // namespace
}  // namespace monge::eval
