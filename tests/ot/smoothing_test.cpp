#include "monge/ot/smoothing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/ot/otp.h"
#include "monge/ot/weak.h"
#include "tests/support/support.h"

namespace monge::ot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

constexpr int64_t kTotal = 1000;

OtpOptions with(const std::string& schedule) {
  return {.eps_start = 0.8, .eps_end = "0.05", .schedule = schedule, .anneal = 0.5, .levels = 5};
}

TEST(Smoothing, FallsFromStartToEndAndStaysThere) {
  for (const char* schedule : {"geometric", "linear", "cosine", "steps"}) {
    const auto options = with(schedule);
    EXPECT_DOUBLE_EQ(smoothing_at(options, kTotal, 0).eps, 0.8) << schedule;
    double before = 1;
    for (int64_t k = 0; k < 1000; ++k) {
      const double eps = smoothing_at(options, kTotal, k).eps;
      EXPECT_LE(eps, before) << schedule << " rises at " << k;
      before = eps;
    }
    EXPECT_GT(smoothing_at(options, kTotal, schedule == std::string("steps") ? 399 : 499).eps, 0.05) << schedule;
    EXPECT_DOUBLE_EQ(smoothing_at(options, kTotal, 500).eps, 0.05) << schedule;
  }
}

TEST(Smoothing, HasTheMiddleOfItsSchedule) {
  EXPECT_NEAR(smoothing_at(with("geometric"), kTotal, 250).eps, std::sqrt(0.8 * 0.05), 1e-12);
  EXPECT_NEAR(smoothing_at(with("linear"), kTotal, 250).eps, 0.425, 1e-12);
  EXPECT_NEAR(smoothing_at(with("cosine"), kTotal, 250).eps, 0.425, 1e-12);
  EXPECT_NEAR(smoothing_at(with("steps"), kTotal, 250).eps, std::sqrt(0.8 * 0.05),
              1e-12);  // the third of five plateaus
  EXPECT_EQ(smoothing_at(with("steps"), kTotal, 250).eps, smoothing_at(with("steps"), kTotal, 299).eps);
  EXPECT_DOUBLE_EQ(smoothing_at(with("constant"), kTotal, 0).eps, 0.05);
  auto whole = with("steps");
  whole.anneal = 1;
  EXPECT_DOUBLE_EQ(smoothing_at(whole, kTotal, 999).eps, 0.05) << "steps come to their end within the run";
}

TEST(Smoothing, KeepsTheVarianceWhereItShould) {
  const auto x = torch::randn({20000}, RandomStreams(1).at("x", 0)),
             n = torch::randn({20000}, RandomStreams(1).at("n", 0));
  EXPECT_NEAR(smooth(x, {.preserve_variance = true, .eps = 0.6}, n).var().item<double>(), 1, 0.05);
  EXPECT_NEAR(smooth(x, {.eps = 0.6}, n).var().item<double>(), 1.36, 0.05);
  EXPECT_TRUE(torch::allclose(smooth(x, {.preserve_variance = true, .eps = 0.6}, {}), 0.8 * x));
  EXPECT_TRUE(torch::equal(smooth(x, {.eps = 0.6}, {}), x));
}

TEST(Smoothing, ATintIsSharedByAImageAndKeepsTheVariance) {
  const auto like = torch::empty({400, 3, 8, 8});
  const auto white = smoothing_noise(like, {}, RandomStreams(1).at("n", 0));
  EXPECT_TRUE(torch::equal(white, torch::randn(like.sizes(), RandomStreams(1).at("n", 0))))
      << "as before there were tints";
  const auto tinted = smoothing_noise(like, {.eps = 1, .tint = 0.5}, RandomStreams(1).at("n", 0));
  EXPECT_NEAR(tinted.var().item<double>(), 1, 0.1);
  EXPECT_NEAR(tinted.mean({2, 3}).var().item<double>(), 0.5 + 0.5 / 64, 0.05);
  EXPECT_NEAR(white.mean({2, 3}).var().item<double>(), 1.0 / 64, 0.005);
  EXPECT_THAT(
      message_of([] { smoothing_noise(torch::empty({4, 2}), {.eps = 1, .tint = 0.5}, RandomStreams(1).at("n", 0)); }),
      HasSubstr("only images have a tint"));
}

TEST(Smoothing, RefusesWhatCannotFall) {
  auto bad = with("linear");
  bad.eps_end = "0.9";
  EXPECT_THAT(message_of([&] { smoothing_at(bad, kTotal, 0); }),
              AllOf(HasSubstr("otp.eps_end = 0.9"), HasSubstr("otp.eps_start = 0.8")));
  bad = with("geometric");
  bad.eps_end = "0";
  EXPECT_THAT(message_of([&] { smoothing_at(bad, kTotal, 0); }),
              AllOf(HasSubstr("geometric"), HasSubstr("linear or cosine")));
  bad = with("linear");
  bad.smoothing = "vp";
  bad.eps_start = 1.5;
  EXPECT_THAT(message_of([&] { smoothing_at(bad, kTotal, 0); }), AllOf(HasSubstr("vp"), HasSubstr("1.5")));
  bad = with("exponential");
  EXPECT_THAT(message_of([&] { smoothing_at(bad, kTotal, 0); }),
              AllOf(HasSubstr("otp.schedule"), HasSubstr("exponential")));
}

TEST(Otp, HasNoLevelWhileItIsLeftToTheData) {
  MethodSetting setting{.iterations = kTotal};
  const auto open = make_method("otp", setting);
  EXPECT_TRUE(open->level_is_open());
  EXPECT_NO_THROW(open->check());
  EXPECT_THAT(message_of([&] { open->at(0); }), AllOf(HasSubstr("otp.eps_end"), HasSubstr("\"auto\"")));
  *open->noise_level(setting.sections) = "0.2";
  EXPECT_DOUBLE_EQ(make_method("otp", setting)->smoothing(kTotal).eps, 0.2);
  open->drop_smoothing(setting.sections);
  EXPECT_EQ(make_method("otp", setting)->smoothing(0).eps, 0);
}

TEST(Otp, TakesCostAndPotentialOfTheInnerMethod) {
  MethodSetting setting{.tau = 0.7, .iterations = kTotal};
  setting.sections.get<WeakOptions>() = {.gamma0 = 0.5, .gamma1 = 0.5, .z = 3};
  setting.sections.get<KernelOptions>() = {.gamma = 0.5, .z = 3};
  auto& options = setting.sections.get<OtpOptions>();
  options = with("linear");
  const auto x = torch::randn({6, 2}, RandomStreams(2).at("x", 0)),
             y = torch::randn({6, 3, 2}, RandomStreams(2).at("y", 0));
  for (const char* inner : {"strong", "weak", "kernel", "noised"}) {
    options.cost = inner;
    const auto otp = make_method("otp", setting), plain = make_method(inner, setting);
    EXPECT_EQ(otp->samples_per_input(), plain->samples_per_input());
    EXPECT_EQ(otp->conditional(), plain->conditional());
    const auto shown = y.narrow(1, 0, plain->samples_per_input());
    EXPECT_TRUE(torch::equal(otp->cost(x, shown, otp->at(3)), plain->cost(x, shown, plain->at(3)))) << inner;
    EXPECT_EQ(plain->at(0).smoothing.eps, 0);
    EXPECT_EQ(otp->at(0).smoothing.eps, 0.8);
  }
  options.cost = "otp";
  EXPECT_THAT(message_of([&] { make_method("otp", setting); }), HasSubstr("otp.cost"));
}

}  // namespace
}  // namespace monge::ot
