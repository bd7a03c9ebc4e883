#include "monge/train/source_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "monge/ot/otp.h"
#include "tests/support/support.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string advice_for(const std::string& law, const std::string& method = "strong") {
  Recipe recipe;
  recipe.method = method;
  std::string logged;
  advise(measure_source(*data::open_toy(law), 0), recipe, [&](LogLevel, const std::string& line) { logged += line; });
  return logged;
}

TEST(SourceCheck, SaysNothingOfSourcesWithADensity) {
  for (const char* law :
       {"toy:gaussian", "toy:gaussian?dim=64", "toy:gaussian?dim=16&cov_seed=1", "toy:uniform?dim=8", "toy:mixture8"}) {
    EXPECT_EQ(advice_for(law), "") << law;
  }
}

TEST(SourceCheck, AdvisesToSmoothThinSources) {
  EXPECT_THAT(advice_for("toy:perpendicular?dim=2&side=source"), AllOf(HasSubstr("span 1 of 2"), HasSubstr("otp")));
  EXPECT_THAT(advice_for("toy:perpendicular?dim=64&side=source"), HasSubstr("span 32 of 64"));
  EXPECT_THAT(advice_for("toy:swiss_roll?noise=0"), AllOf(HasSubstr("of 2 dimensions"), HasSubstr("TwoNN")));
  EXPECT_EQ(advice_for("toy:perpendicular?dim=2&side=source", "otp"), "") << "otp smooths already";
}

TEST(SourceCheck, TakesImages) {
  const auto images = torch::rand({40, 3, 8, 8}, RandomStreams(1).at("x", 0));
  const auto shape = measure_source(data::TensorSource("noise", images), 0);
  EXPECT_EQ(shape.dim, 192);
  EXPECT_EQ(shape.samples, 40);
  EXPECT_FALSE(shape.degenerate()) << "40 images of noise span all that 40 can";
  const auto ramp = torch::linspace(0, 1, 40).view({40, 1, 1, 1}) * images.narrow(0, 0, 1);
  EXPECT_TRUE(measure_source(data::TensorSource("ramp", ramp), 0).degenerate());
}

TEST(NoiseLevel, IsThatOfTheSamplesAndToldOnce) {
  Recipe recipe;
  recipe.method = "otp";
  std::string logged;
  const LogSink log = [&](LogLevel, const std::string& line) { logged += line; };
  SourceShape shape;
  shape.dim = 16;
  shape.intrinsic = 6;
  shape.radius = 2;
  resolve_noise_level(recipe, shape, 4096, log);
  // R N^(-1/m) / sqrt(D) = 2 * 4096^(-1/6) / 4 = 0.125
  EXPECT_EQ(recipe.section<ot::OtpOptions>().eps_end, "0.125");
  EXPECT_THAT(logged,
              AllOf(HasSubstr("otp.eps_end = 0.125"), HasSubstr("4096 samples"), HasSubstr("intrinsic dimension 6")));
  logged.clear();
  resolve_noise_level(recipe, shape, 10, log);
  EXPECT_EQ(recipe.section<ot::OtpOptions>().eps_end, "0.125") << "a number stays as it is";
  EXPECT_EQ(logged, "");
}

TEST(NoiseLevel, IsBoundedByTheStart) {
  Recipe recipe;
  recipe.method = "otp";
  recipe.section<ot::OtpOptions>().eps_start = 0.1;
  SourceShape shape;
  shape.dim = 4;
  shape.intrinsic = 4;
  shape.radius = 2;
  std::string logged;
  resolve_noise_level(recipe, shape, 16, [&](LogLevel, const std::string& line) { logged += line; });
  EXPECT_EQ(recipe.section<ot::OtpOptions>().eps_end, "0.1");
  EXPECT_THAT(logged, HasSubstr("bounded by otp.eps_start"));
}

TEST(NoiseLevel, CannotComeFromOnePoint) {
  Recipe recipe;
  recipe.method = "otp";
  const auto shape = measure_source(data::TensorSource("one", torch::ones({50, 3})), 0);
  EXPECT_THAT(testing::message_of([&] { resolve_noise_level(recipe, shape, 50, silent()); }), HasSubstr("all equal"));
}

}  // namespace
}  // namespace monge::train
