// Where an evaluation can be ended before its result.
#include "monge/eval/evaluation_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <set>

#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/data/wrapped_source.h"
#include "monge/eval/evaluation.h"
#include "monge/eval/ground_truth.h"
#include "monge/eval/image_features.h"
#include "monge/eval/kernel_distance.h"
#include "tests/eval/simple_map.h"
#include "tests/support/ranks.h"

namespace monge::eval {
namespace {

using ::testing::Each;
using ::testing::IsSupersetOf;

torch::Tensor noise(const std::vector<int64_t>& shape, int64_t step) {
  return torch::rand(shape, RandomStreams(3).at("noise", step)) * 2 - 1;
}

/// Images that pass for those of a folder, which are decoded at each use.
class Decoded : public data::WrappedSource {
 public:
  explicit Decoded(const torch::Tensor& images)
      : WrappedSource(std::make_shared<data::TensorSource>("images", images)) {}
  bool gives_files() const override { return true; }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    return whole().stored_items(indices);
  }
  torch::Tensor draw(int64_t n, torch::Generator generator) const override { return whole().draw(n, generator); }
};

/// Means of three channels.
class MeanColours : public FeatureNet {
 public:
  std::string name() const override { return "means"; }
  std::string mode() const override { return kOwnMode; }
  std::string hash() const override { return "0"; }
  int64_t dim() const override { return 3; }
  torch::Device device() const override { return torch::kCPU; }
  torch::Tensor features(const std::vector<torch::Tensor>& images) const override {
    std::vector<torch::Tensor> out;
    for (const auto& image : images) out.push_back(image.to(torch::kFloat32).mean(at::IntArrayRef{0, 1}));
    return torch::stack(out);
  }
};

const Decoded& inputs() {
  static const Decoded out(noise({150, 3, 12, 12}, 0));
  return out;
}

const Decoded& targets() {
  static const Decoded out(noise({150, 3, 12, 12}, 1));
  return out;
}

/// An evaluation of 130 images and its comparison with right outputs, with all that takes long.
NamedMetrics evaluate_images(const EvaluationProgress& progress,
                             dist::ProcessGroup& group = dist::ProcessGroup::single()) {
  const auto model = affine_model({3, 12, 12}, 0.5, 0.1);
  ImageEvaluator evaluator(std::make_shared<MeanColours>(), nullptr);
  auto out = evaluate(model, inputs(), targets(), targets(), 130, 0, &evaluator, group, progress).named();
  for (const auto& entry : evaluate_against_truth(model, inputs(), targets(), 130, 0, nullptr, group, progress))
    out.push_back(entry);
  return out;
}

TEST(EvaluationProgress, EndsASingleProcessAtEachOfItsReports) {
  std::set<std::string> steps;
  std::atomic<bool> stop{false};
  int64_t reports = 0, last = -1;
  EvaluationProgress watched(
      stop,
      [&](const std::string& step, int64_t done, int64_t total) {
        steps.insert(step);
        EXPECT_GT(done, 0);
        EXPECT_LE(done, total);
        stop = ++reports == last;
      },
      dist::ProcessGroup::single());
  const auto undisturbed = evaluate_images({});
  EXPECT_EQ(evaluate_images(watched), undisturbed);
  EXPECT_THAT(steps, IsSupersetOf({"reading samples", "translating samples", "computing metrics",
                                   "comparing with the right outputs"}));
  const int64_t all = reports;
  EXPECT_GT(all, 40);
  for (last = 1; last <= all; last += 3) {
    reports = 0;
    EXPECT_THROW(evaluate_images(watched), EvaluationStopped) << last;
    EXPECT_EQ(reports, last) << "it went on after the stop";
    stop = false;
  }
}

// A rank that ended by itself would leave the others waiting for it.
TEST(EvaluationProgress, EndsAllRanksTogetherWhicheverIsStopped) {
  for (const int64_t stopped : {0, 1}) {
    std::vector<int> ended(2);
    testing::run_ranks(2, [&](auto& group) {
      std::atomic<bool> stop{false};
      EvaluationProgress progress(
          stop,
          [&](const std::string& step, int64_t, int64_t) {
            stop = group.rank() == stopped && step == "computing metrics";
          },
          group);
      try {
        evaluate_images(progress, group);
      } catch (const EvaluationStopped&) {
        ended[static_cast<size_t>(group.rank())] = 1;
      }
      group.barrier();
    });
    EXPECT_THAT(ended, Each(1));
  }
}

TEST(EvaluationProgress, EndsBetweenTheBlocksOfADistance) {
  const BetweenBlocks end = [] { throw EvaluationStopped(); };
  auto& group = dist::ProcessGroup::single();
  const auto rows = noise({8, 3}, 2);
  EXPECT_THROW(energy_distance(rows, rows, Pairs::all, group, end), EvaluationStopped);
  EXPECT_THROW(kernel_distance(rows, rows, group, end), EvaluationStopped);
  EXPECT_THROW(random_features(noise({2, 3, 8, 8}, 3), end), EvaluationStopped);
}

}  // namespace
}  // namespace monge::eval
