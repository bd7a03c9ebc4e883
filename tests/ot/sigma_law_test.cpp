#include "monge/ot/sigma_law.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "monge/ot/noised.h"
#include "tests/support/support.h"

namespace monge::ot {
namespace {

const RandomStreams draws(3);

TEST(SigmaLaw, EdmIsLogNormal) {
  const auto log_sigma = draw_sigma({.sigma_min = 1e-6, .sigma_max = 1e6}, 100'000, draws.at("s", 0)).log();
  EXPECT_NEAR(log_sigma.mean().item<double>(), -1.2, 0.015);  // four standard errors
  EXPECT_NEAR(log_sigma.std().item<double>(), 1.2, 0.015);
}

TEST(SigmaLaw, LogUniformFillsItsRange) {
  const auto sigma = draw_sigma({.sigma_law = "log_uniform"}, 100'000, draws.at("s", 1));
  EXPECT_GE(sigma.min().item<double>(), 0.02 * 0.999);
  EXPECT_LE(sigma.max().item<double>(), 100 * 1.001);
  EXPECT_NEAR(sigma.log().mean().item<double>(), 0.5 * (std::log(0.02) + std::log(100.0)), 0.04);
}

TEST(SigmaWeight, IsEdmsPerSample) {
  const auto sigma = torch::tensor({0.05, 0.7, 3.2}, torch::kFloat64);
  const auto weight = sigma_weight({.normalise = false}, sigma);
  ASSERT_EQ(weight.sizes(), torch::IntArrayRef({3}));  // the reference's [B,1,B,1] weights the loss as a whole
  EXPECT_NEAR((weight - (4 + 1 / sigma.square())).abs().max().item<double>(), 0, 1e-9);
}

TEST(SigmaWeight, NormalisesAndClips) {
  const auto sigma = torch::tensor({0.01, 1.0, 1.0, 1.0});
  EXPECT_NEAR(sigma_weight({.weight = "inverse"}, sigma).mean().item<double>(), 1, 1e-6);
  const auto clipped = sigma_weight({.weight = "inverse", .normalise = false, .clip = 2}, sigma);
  EXPECT_NEAR(clipped[0].item<double>(), 2 * (10000.0 + 3) / 4, 1);
  EXPECT_NEAR(clipped[1].item<double>(), 1, 1e-6);
}

TEST(SigmaLaw, RefusesAnEmptyRange) {
  EXPECT_THAT(testing::message_of([] { draw_sigma({.sigma_min = 2, .sigma_max = 1}, 4, draws.at("s", 0)); }),
              ::testing::AllOf(::testing::HasSubstr("noised.sigma_min"), ::testing::HasSubstr("2 and 1")));
}

TEST(Perturbation, ScalesTheNoiseOfEachSampleByItsSigma) {
  const auto y = torch::zeros({2000, 3, 4, 4});
  const auto p = draw_perturbation({}, y, draws.at("s", 2));
  const auto measured = p.noise.flatten(1).std(1);
  EXPECT_LT(((measured / p.sigma_B) - 1).abs().mean().item<double>(), 0.12);  // 48 entries: relative s.d. 0.1
}

}  // namespace
}  // namespace monge::ot
