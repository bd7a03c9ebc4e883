#include "monge/model/displacement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::model {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

// T(x) = 3 x + 2 of the points 0, 1 and -1: (1 - t) x + t T(x) = (1 + 2 t) x + 2 t. All numbers are powers of two and
// small sums of them, so the values are exact.
TEST(Displacement, IsAStraightLineOfAnAffineMap) {
  const auto x = torch::tensor({{0.f}, {1.f}, {-1.f}}), y = 3 * x + 2;
  for (const double t : {0., 0.125, 0.25, 0.5, 0.75, 1.})
    EXPECT_TRUE(torch::equal(between(x, y, t), (1 + 2 * t) * x + 2 * t)) << t;
}

// Between the laws N(0, 1) and N(3, 4) the geodesic of W2 has N(3 t, (1 + t)^2), and W2 from its beginning is t times
// the whole (McCann 1997).
TEST(Displacement, LawsFollowTheGeodesicOfW2) {
  const auto x = torch::randn({20000}, RandomStreams(1).at("x", 0), torch::kFloat64);
  const auto y = 2 * x + 3;
  const double whole = (x - y).pow(2).mean().sqrt().item<double>();
  for (const double t : {0.25, 0.6}) {
    const auto z = between(x, y, t);
    const double of_mean = 3 / std::sqrt(20000.);
    EXPECT_NEAR(z.mean().item<double>(), 3 * t, 4 * of_mean);
    EXPECT_NEAR(z.std().item<double>(), 1 + t, 0.03);
    EXPECT_NEAR((x - z).pow(2).mean().sqrt().item<double>(), t * whole, 1e-12);
  }
}

TEST(Displacement, EndsAreInputAndOutputToTheBit) {
  torch::manual_seed(1);
  const auto x = torch::randn({50, 3}) * 1e6, y = torch::randn({50, 3});
  EXPECT_TRUE(torch::equal(between(x, y, 0), x));
  EXPECT_TRUE(torch::equal(between(x, y, 1), y));
  const auto wide = x.to(torch::kFloat64) + 1e-4;
  EXPECT_EQ(between(wide, y, 1).scalar_type(), torch::kFloat32);
  EXPECT_EQ(between(x, y.to(torch::kFloat64), 0).scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(between(wide, y, 0), wide));
  EXPECT_EQ(between(wide, y, 0.5).scalar_type(), torch::kFloat64);
  // 0 times infinity is no number; the input is.
  const auto infinite = torch::full({50, 3}, std::numeric_limits<float>::infinity());
  EXPECT_TRUE(torch::equal(between(x, infinite, 0), x));
}

TEST(Displacement, APointThatTheMapDoesNotMoveStaysToTheBit) {
  const auto x = torch::randn({1000}, RandomStreams(1).at("fixed", 0));
  for (const double t : {0.1, 1 / 3., 0.5, 0.9}) EXPECT_TRUE(torch::equal(between(x, x.clone(), t), x)) << t;
}

// Rows far from 0 keep digits that float32 does not have.
TEST(Displacement, DoublesKeepTheirDigits) {
  const auto x = torch::tensor({1.75e9 + 1e-3, 5.8e6}, torch::kFloat64), y = x + torch::tensor({0.5, -2.});
  const auto z = between(x, y, 0.25);
  EXPECT_NEAR((z - x)[0].item<double>(), 0.125, 1e-6);
  EXPECT_NEAR((z - x)[1].item<double>(), -0.5, 1e-9);
}

TEST(Displacement, AnInputGoesToEachOfItsOutputs) {
  const auto x = torch::tensor({{1.f, 2.f}}).unsqueeze(1), y = torch::tensor({{{3.f, 2.f}, {1.f, 6.f}}});
  EXPECT_TRUE(torch::equal(between(x, y, 0.5), torch::tensor({{{2.f, 2.f}, {1.f, 4.f}}})));
  EXPECT_TRUE(torch::equal(between(x, y, 0), torch::tensor({{{1.f, 2.f}, {1.f, 2.f}}})));
}

TEST(Displacement, RefusesWhatLiesBeyond) {
  const auto x = torch::zeros({2, 3});
  for (const double t : {-0.01, 1.01, std::nan("")}) {
    EXPECT_THAT(message_of([&] { between(x, x, t); }), HasSubstr("allowed is 0 (the input) to 1 (the output)")) << t;
  }
  EXPECT_THAT(message_of([&] { between(torch::zeros({2, 4}), x, 0.5); }), HasSubstr("do not fit each other"));
  EXPECT_THAT(equidistant_times(5), ElementsAre(0, 0.25, 0.5, 0.75, 1));
  EXPECT_EQ(equidistant_times(1000).back(), 1);
  EXPECT_THAT(message_of([] { equidistant_times(1); }), HasSubstr("2 or more are needed, got 1"));
}

}  // namespace
}  // namespace monge::model
