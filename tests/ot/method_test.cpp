#include "monge/ot/method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/ot/losses.h"
#include "monge/ot/noised.h"
#include "monge/ot/otp.h"
#include "monge/ot/regulariser.h"
#include "monge/ot/weak.h"
#include "tests/support/support.h"

namespace monge::ot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

torch::Tensor half_square(const torch::Tensor& y, const torch::Tensor&) { return 0.5 * y.flatten(1).square().sum(1); }

TEST(MakeMethod, NamesTheNearestOfAnUnknownOne) {
  EXPECT_THAT(testing::message_of([] { make_method("weka", {}); }),
              AllOf(HasSubstr("unknown method"), HasSubstr("\"weka\""), HasSubstr("strong"),
                    HasSubstr("did you mean \"weak\"")));
}

TEST(MakeMethod, RefusesASingleDrawWhereTheSpreadCounts) {
  for (const char* name : {"weak", "kernel"}) {
    MethodSetting setting;
    setting.sections.get<WeakOptions>().z = setting.sections.get<KernelOptions>().z = 1;
    EXPECT_THAT(testing::message_of([&] { make_method(name, setting)->check(); }),
                AllOf(HasSubstr("Z = 1"), HasSubstr(std::string(name) + ".z")));
  }
}

// The requirements on the map and the potential follow from the options, also through otp.
TEST(MakeMethod, SaysWhatItAsksOfTheNets) {
  MethodSetting setting;
  setting.sections.get<WeakOptions>() = {.z = 3, .z_channels = 2, .z_std = 0.7};
  setting.sections.get<NoisedOptions>().embedding_channels = 8;
  const auto weak = make_method("weak", setting), strong = make_method("strong", setting),
             noised = make_method("noised", setting);
  EXPECT_EQ(weak->noise().section, "weak");
  EXPECT_EQ(weak->noise().channels, 2);
  EXPECT_EQ(weak->noise().std, 0.7);
  EXPECT_EQ(weak->samples_per_input(), 3);
  EXPECT_EQ(weak->cost_kind(), CostKind::weak_quadratic);
  EXPECT_EQ(strong->noise().channels, 0);
  EXPECT_FALSE(strong->conditional());
  EXPECT_EQ(strong->cost_kind(), CostKind::squared);
  EXPECT_EQ(noised->conditioning().channels, 8);
  setting.sections.get<OtpOptions>().cost = "weak";
  const auto otp = make_method("otp", setting);
  EXPECT_EQ(otp->noise().section, "weak");
  EXPECT_TRUE(otp->smooths());
  EXPECT_THAT(otp->advice_when_missed(), HasSubstr("otp.eps_start"));
  EXPECT_THAT(strong->advice_when_missed(), HasSubstr("method = \"otp\""));
}

TEST(MapLoss, IsCostMinusPotential) {
  const auto x = torch::randn({8, 3}), y = torch::randn({8, 1, 3});
  const auto method = make_method("strong", {.tau = 0.5});
  const auto loss = map_loss(*method, half_square, x, y, {}, {});
  const auto expected = (0.5 * (x - y.squeeze(1)).square().sum(1) - 0.5 * y.squeeze(1).square().sum(1)).mean();
  EXPECT_NEAR(loss.loss.item<double>(), expected.item<double>(), 1e-6);
  EXPECT_NEAR((loss.cost - loss.potential).item<double>(), loss.loss.item<double>(), 1e-6);
}

TEST(MapLoss, WeightsEachSampleByItsOwnSigma) {
  const auto method = make_method("noised", {.tau = 1.0});
  const auto x = torch::zeros({2, 1}), y = torch::tensor({{{1.0f}}, {{2.0f}}});
  const Perturbation p{torch::tensor({0.5f, 1.0f}), torch::tensor({{0.0f}, {1.0f}}), torch::tensor({3.0f, 7.0f})};
  const auto f = [](const torch::Tensor& shown, const torch::Tensor& sigma) { return shown.squeeze(1) * sigma; };
  // w (c - f): 3 (1 - 1*0.5) and 7 (4 - 3*1), mean 4.25
  EXPECT_NEAR(map_loss(*method, f, x, y, p, {}).loss.item<double>(), 4.25, 1e-6);
}

TEST(PotentialLoss, ComparesBothSidesUnderTheSameNoise) {
  const Perturbation p{torch::tensor({0.5f, 1.0f}), torch::tensor({{10.0f}, {20.0f}}), torch::tensor({3.0f, 7.0f})};
  const auto f = [](const torch::Tensor& shown, const torch::Tensor& sigma) { return shown.squeeze(1) * sigma; };
  const auto fake = torch::tensor({{1.0f}, {2.0f}}), real = torch::tensor({{3.0f}, {5.0f}});
  // the noise cancels in a linear f: 3 * 0.5 * (1-3) and 7 * (2-5), mean -12
  EXPECT_NEAR(potential_loss(f, fake, real, p).loss.item<double>(), -12, 1e-5);
}

TEST(R1, IsHalfTheSquaredGradient) {
  const auto y = torch::randn({16, 5}, torch::kFloat64);
  const auto f = [](const torch::Tensor& v) { return 0.5 * v.square().sum(1); };  // gradient v
  EXPECT_NEAR(r1_penalty(f, y).item<double>(), 0.5 * y.square().sum(1).mean().item<double>(), 1e-12);
}

TEST(R1, ReachesTheParameters) {
  auto a = torch::full({1}, 2.0, torch::dtype(torch::kFloat64).requires_grad(true));
  const auto y = torch::randn({64, 3}, torch::kFloat64);
  r1_penalty([&](const torch::Tensor& v) { return a * v.sum(1); }, y).backward();  // 1/2 * 3 a^2, derivative 3 a
  EXPECT_NEAR(a.grad().item<double>(), 6, 1e-12);
}

TEST(Expectile, WeighsTheSignsUnequally) {
  const auto zero = torch::zeros({2});
  const auto u = torch::tensor({1.0f, -1.0f});
  // |0.9 - 0| 1 and |0.9 - 1| 1, mean 0.5, over the scale 2
  EXPECT_NEAR(expectile_penalty(u, zero, zero, zero, 0.9, torch::tensor(2.0f)).item<double>(), 0.25, 1e-6);
}

}  // namespace
}  // namespace monge::ot
