// Noise that is one value per channel for a whole image, and the map of otp that does not take the smoothed input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "monge/ot/otp.h"
#include "monge/ot/weak.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "tests/support/support.h"

namespace monge::solve {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

const std::vector<int64_t> kItem{3, 16, 16};

/// The identity, which keeps the inputs that it was given.
class RecordingMap : public nn::MapNet {
 public:
  RecordingMap() { shift_ = register_parameter("shift", torch::zeros({1})); }
  torch::Tensor forward(const torch::Tensor& input) override {
    inputs.push_back(input.detach().clone());
    return input.narrow(1, 0, 3) + shift_;
  }
  std::vector<torch::Tensor> inputs;

 private:
  torch::Tensor shift_;
};

SolverOptions options_of(const std::string& method) {
  SolverOptions options;
  options.method = method;
  options.potential.width = options.potential.width_max = 4;
  options.train.k_t = 1;
  options.train.ema = 0;
  options.train.lr_map = 0;
  return options;
}

/// An outer iteration on standard normal images of 64 items. @return its metrics.
IterationMetrics run(const SolverOptions& options, const std::shared_ptr<RecordingMap>& map) {
  const auto batch = [](const char* name) {
    return [name](int64_t step) { return torch::randn({64, 3, 16, 16}, RandomStreams(1).at(name, step)); };
  };
  Solver solver(options, map, nullptr, make_potential(options, kItem), 768, torch::kCPU);
  return solver.outer_iteration(0, {batch("x"), batch("y")});
}

TEST(NoiseVector, HasOneValueForEachChannelOfAnImage) {
  auto options = options_of("weak");
  auto& weak = options.section<ot::WeakOptions>();
  weak.z = 2;
  weak.z_channels = 5;
  weak.z_std = 1;
  weak.z_kind = "vector";
  const auto map = std::make_shared<RecordingMap>();
  run(options, map);
  const auto z = map->inputs.at(0).narrow(1, 3, 5);
  EXPECT_TRUE(torch::equal(z, z.narrow(2, 0, 1).narrow(3, 0, 1).expand_as(z)));
  EXPECT_NEAR(z.select(3, 0).select(2, 0).std().item<double>(), 1, 0.1);  // of 640 draws
}

TEST(OtpCleanInput, TheMapTakesTheSampleAndTheTintAndTheCostIsOfTheSmoothedSample) {
  auto options = options_of("otp");
  options.cost.scale = "mean";
  auto& otp = options.section<ot::OtpOptions>();
  otp.input = "clean";
  otp.tint = 0.5;
  otp.schedule = "constant";
  otp.eps_end = "0.3";
  const auto map = std::make_shared<RecordingMap>();
  const auto metrics = run(options, map);
  const auto& input = map->inputs.at(0);
  EXPECT_TRUE(torch::equal(input.narrow(1, 0, 3), torch::randn({64, 3, 16, 16}, RandomStreams(1).at("x", 0))));
  const auto tint = input.narrow(1, 3, 3);
  EXPECT_TRUE(torch::equal(tint, tint.narrow(2, 0, 1).narrow(3, 0, 1).expand_as(tint)));
  EXPECT_NEAR(tint.select(3, 0).select(2, 0).std().item<double>(), 1, 0.2);  // not scaled by eps; of 192 draws
  // T(x, m) = x, so the cost is mean (eps n)^2, half of it white and half of it tint.
  EXPECT_NEAR(metrics.cost, 0.09 * (0.5 + 0.5 * tint.square().mean().item<double>()), 0.001);
}

TEST(OtpCleanInput, NamesWhatDoesNotGoWithIt) {
  auto options = options_of("otp");
  auto& otp = options.section<ot::OtpOptions>();
  otp.input = "clean";
  otp.eps_end = "0.1";
  EXPECT_THAT(message_of([&] { make_method(options)->check(); }), HasSubstr("otp.tint = 0"));
  otp.tint = 0.5;
  EXPECT_NO_THROW(make_method(options)->check());
  EXPECT_THAT(message_of([&] { make_method(options)->check_items({2}); }), HasSubstr("images of at most 3 channels"));
  otp.cost = "weak";
  EXPECT_THAT(message_of([&] { make_method(options)->check(); }), HasSubstr("its own noise"));
}

}  // namespace
}  // namespace monge::solve
