#include "monge/eval/target_verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "monge/core/random.h"
#include "monge/eval/image_features.h"
#include "monge/eval/push_forward_error.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(TargetVerdict, JudgesByFloorAndWay) {
  EXPECT_EQ(verdict_of({.error = 0.014, .floor = 0.01, .start = 1}), TargetVerdict::reached);
  EXPECT_EQ(verdict_of({.error = 0.05, .floor = 0.01, .start = 1}), TargetVerdict::near);
  EXPECT_EQ(verdict_of({.error = 0.3, .floor = 0.01, .start = 1}), TargetVerdict::missed);
  EXPECT_EQ(verdict_of({.error = 0.3, .floor = kNaN, .start = 1}), TargetVerdict::unknown);
  EXPECT_EQ(verdict_of({.error = 0.3, .floor = 0.01, .start = kNaN}), TargetVerdict::unknown);
  EXPECT_EQ(verdict_of({.error = kNaN, .floor = 0.01, .start = 1}), TargetVerdict::unknown);
  EXPECT_EQ(verdict_of({.error = 0.03, .floor = 0.01, .start = 0.011}), TargetVerdict::missed)
      << "spoilt although it began there";
  EXPECT_EQ(verdict_of({.error = 0.036, .floor = 0.037, .start = 0.036}), TargetVerdict::unknown)
      << "samples that cannot tell the source";
  EXPECT_EQ(remaining_fraction({.error = 0.005, .floor = 0.01, .start = 1}), 0);
  EXPECT_NEAR(remaining_fraction({.error = 0.505, .floor = 0.01, .start = 1}), 0.5, 1e-12);
}

TEST(TargetVerdict, IsSaidPlainly) {
  EXPECT_THAT(in_words({.error = 0.3, .floor = 0.0, .start = 1}),
              HasSubstr("MISSES its target: 30 % of the way is left"));
  EXPECT_THAT(in_words({.error = 2, .floor = 0.0, .start = 1}), HasSubstr("farther from the target than the source"));
  EXPECT_EQ(in_words({.error = 0.001, .floor = 0.001, .start = 1}), "reaches its target");
  EXPECT_THAT(in_words({.error = 0.999, .floor = 0.0, .start = 1}), HasSubstr("100 % of the way"));
  EXPECT_THAT(in_words({.error = 0.036, .floor = 0.037, .start = 0.036}), HasSubstr("eval.samples"));
  EXPECT_THAT(in_words({.error = kNaN, .floor = 0.001, .start = 1}), HasSubstr("not measured"));
}

// 2 % of a long way can be far more than samples of the target show.
TEST(TargetVerdict, SaysHowManyTimesTheFloorIsLeft) {
  EXPECT_EQ(in_words({.error = 0.255, .floor = 0.001, .start = 12.7}),
            "comes near its target: 2 % of the way is left (the error is 255 times its floor)");
  EXPECT_EQ(in_words({.error = 0.04, .floor = 0.01, .start = 1}),
            "comes near its target: 3 % of the way is left (the error is 4.0 times its floor)");
  EXPECT_EQ(in_words({.error = 0.0134, .floor = 0.009, .start = 1.5}), "reaches its target");
  EXPECT_EQ(in_words({.error = 0.0014, .floor = 0.0005, .start = 1}),
            "comes near its target: less than 1 % of the way is left");
  EXPECT_EQ(in_words({.error = 0.029, .floor = 0.01, .start = 1}), "comes near its target: 2 % of the way is left");
  EXPECT_EQ(in_words({.error = 0.5, .floor = 0.01, .start = 1}),
            "MISSES its target: 49 % of the way is left (the error is 50 times its floor)");
  EXPECT_EQ(in_words({.error = 0.3, .floor = 0.0, .start = 1}), "MISSES its target: 30 % of the way is left")
      << "no floor to compare with";
}

torch::Tensor stripes(int64_t n, bool upright, const char* name) {
  const auto phase = torch::rand({n, 1, 1, 1}, RandomStreams(3).at(name, 0)) * 6.28;
  const auto ramp = torch::arange(16, torch::kFloat32);
  const auto wave = upright ? ramp.view({1, 1, 1, 16}) : ramp.view({1, 1, 16, 1});
  return torch::sin(wave * 1.5 + phase).expand({n, 3, 16, 16}).contiguous();
}

// One law of single pixels, two textures: pixels one by one cannot tell them, features must.
TEST(RandomFeatures, TellTextures) {
  const auto a = random_features(stripes(100, true, "a")), b = random_features(stripes(100, true, "b"));
  const auto other = random_features(stripes(100, false, "c"));
  EXPECT_EQ(a.sizes(), (std::vector<int64_t>{100, 192 + 48}));
  EXPECT_GT(energy_distance(a, other), 20 * energy_distance(a, b));
}

TEST(RandomFeatures, DependOnNothingButTheImage) {
  const auto images = torch::rand({300, 3, 9, 12}, RandomStreams(4).at("x", 0)) * 2 - 1;
  const auto all = random_features(images);
  EXPECT_TRUE(torch::allclose(all.narrow(0, 280, 20), random_features(images.narrow(0, 280, 20)), 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(random_features(images * 3), random_features((images * 3).clamp(-1, 1))));
  EXPECT_THAT(testing::message_of([] { random_features(torch::rand({2, 3, 4, 4})); }), HasSubstr("8 x 8"));
}

}  // namespace
}  // namespace monge::eval
