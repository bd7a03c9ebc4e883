// A program that stops an evaluation gets its result soon, and none that is half done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "monge/core/random.h"
#include "monge/session/session.h"
#include "tests/support/ranks.h"

namespace monge::session {
namespace {

constexpr int64_t kRows = 2200;  // two blocks of distances

Model small_model(const torch::Tensor& x, const torch::Tensor& y) {
  train::Recipe recipe;
  recipe.map.width = recipe.potential.width = 8;
  recipe.train.iterations = 1;
  recipe.train.batch = 32;
  recipe.train.threads = 1;
  recipe.eval.every = recipe.samples.every = 0;
  return Session::train(recipe, x, y).model();
}

torch::Tensor rows(int64_t step) { return torch::randn({kRows, 2}, RandomStreams(9).at("rows", step)); }

EvaluateOptions options_on(const torch::Tensor& x, const torch::Tensor& y) {
  EvaluateOptions out;
  out.source = x;
  out.target = y;
  out.samples = kRows;
  return out;
}

TEST(StoppedEvaluation, EndsAtTheNextReportWithoutAResult) {
  const auto x = rows(0), y = rows(1);
  const auto model = small_model(x, y);
  std::atomic<bool> stop{false};
  int64_t reports = 0, last = -1;
  Hooks hooks{.stop = &stop};
  hooks.progress = [&](const std::string&, int64_t, int64_t) { stop = ++reports == last; };
  const auto whole = model.evaluate(options_on(x, y), {}, hooks);
  EXPECT_TRUE(whole.complete);
  EXPECT_FALSE(whole.evaluation.metrics.empty());
  const int64_t all = reports;
  EXPECT_GT(all, static_cast<int64_t>(whole.evaluation.metrics.size()) + 2) << "it stops within a metric, too";
  for (const int64_t at : {int64_t{1}, int64_t{3}, all - 1}) {
    reports = 0, last = at, stop = false;
    const auto part = model.evaluate(options_on(x, y), {}, hooks);
    EXPECT_FALSE(part.complete);
    EXPECT_TRUE(part.evaluation.metrics.empty());
    EXPECT_EQ(reports, at);
  }
  stop = true;
  EXPECT_FALSE(model.evaluate(options_on(x, y), {}, hooks).complete);
}

TEST(StoppedEvaluation, EndsOnAllRanksWhenOneIsStopped) {
  const auto x = rows(0), y = rows(1);
  const auto model = small_model(x, y);
  std::vector<int> complete(2, -1);
  testing::run_ranks(2, [&](auto& group) {
    const std::atomic<bool> stop{group.rank() == 1};
    const auto result = model.evaluate(options_on(x, y), {.group = group}, {.stop = &stop});
    complete[static_cast<size_t>(group.rank())] = int{result.complete};
    group.barrier();
  });
  EXPECT_THAT(complete, ::testing::Each(0));
}

}  // namespace
}  // namespace monge::session
