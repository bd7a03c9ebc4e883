#include "monge/ot/intrinsic_dimension.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::ot {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const RandomStreams streams(5);

/// The points of a k-dimensional set turned at random into D dimensions, and moved away from 0.
torch::Tensor embedded(const torch::Tensor& points_Nk, int64_t dim, int64_t stream) {
  const auto random_DD = torch::randn({dim, dim}, streams.at("rotation", stream), torch::kFloat64);
  const auto rotation_DD = std::get<0>(torch::linalg_qr(random_DD));
  return torch::matmul(points_Nk.to(torch::kFloat64), rotation_DD.narrow(0, 0, points_Nk.size(1))) + 100;
}

TEST(IntrinsicDimension, OfACubeIsItsOwnAndNotItsSpaces) {
  for (const int64_t k : {1, 2, 5}) {
    const auto cube = torch::rand({4096, k}, streams.at("cube", k), torch::kFloat64);
    const auto estimate = intrinsic_dimension(embedded(cube, 10, k));
    // Standard error 1.6 %; the rest is the cube's faces, near which the estimate is low.
    EXPECT_NEAR(estimate.dimension, static_cast<double>(k), 0.1 * static_cast<double>(k)) << k;
    EXPECT_EQ(estimate.points, 4096);
    EXPECT_EQ(estimate.repeated, 0);
  }
}

TEST(IntrinsicDimension, OfAGaussianAndOfImagesOfOne) {
  const auto plane = torch::randn({3000, 2}, streams.at("plane", 0), torch::kFloat64);
  const auto vectors = intrinsic_dimension(embedded(plane, 48, 0));
  EXPECT_NEAR(vectors.dimension, 2, 0.2);
  const auto images = intrinsic_dimension(embedded(plane, 48, 0).view({3000, 3, 4, 4}));
  EXPECT_DOUBLE_EQ(images.dimension, vectors.dimension);
}

TEST(IntrinsicDimension, IsTheFormulaOnAPlainSearch) {
  const auto x = torch::randn({600, 3}, streams.at("plain", 0), torch::kFloat64);
  const auto near = std::get<0>(torch::cdist(x, x).sort(1));  // column 0 is the point itself
  const double sum = (near.select(1, 2) / near.select(1, 1)).log().sum().item<double>();
  EXPECT_NEAR(intrinsic_dimension(x).dimension, 600 / sum, 1e-9);
}

TEST(IntrinsicDimension, LeavesRepeatedPointsOut) {
  const auto once = torch::randn({500, 4}, streams.at("repeated", 0));
  const auto some = intrinsic_dimension(torch::cat({once, once.slice(0, 0, 200), once.slice(0, 0, 100)}));
  EXPECT_EQ(some.points, 500);
  EXPECT_EQ(some.repeated, 300);
  EXPECT_NEAR(some.dimension, intrinsic_dimension(once).dimension, 1e-9);
}

TEST(IntrinsicDimension, SaysWhatItCannotUse) {
  EXPECT_THAT(message_of([] { intrinsic_dimension(torch::rand({4097, 1})); }),
              AllOf(HasSubstr("4097 points"), HasSubstr("at most 4096"), HasSubstr("pass a random subset")));
  EXPECT_THAT(message_of([] { intrinsic_dimension(torch::rand({15, 2})); }), HasSubstr("15 distinct points of 15"));
  EXPECT_THAT(message_of([] { intrinsic_dimension(torch::ones({100, 2})); }), HasSubstr("1 distinct points of 100"));
  EXPECT_THAT(message_of([] { intrinsic_dimension(torch::rand({20})); }), HasSubstr("[20]"));
  EXPECT_THAT(message_of([] { intrinsic_dimension(torch::full({20, 2}, NAN)); }), HasSubstr("not finite"));
  const auto cube_corners = torch::cartesian_prod(std::vector<torch::Tensor>(4, torch::tensor({0, 1})));
  EXPECT_THAT(message_of([&] { intrinsic_dimension(cube_corners); }), HasSubstr("regular grid"));
}

TEST(RmsRadius, IsTheRootOfTheTraceOfTheCovariance) {
  EXPECT_DOUBLE_EQ(rms_radius(torch::tensor({{1.0, 5.0}, {7.0, -3.0}})), 5);
  EXPECT_THAT(message_of([] { rms_radius(torch::zeros({0, 2})); }), HasSubstr("[0, 2]"));
}

TEST(StatisticalNoiseLevel, IsAsByHand) {
  EXPECT_DOUBLE_EQ(statistical_noise_level(3, 2, 10'000, 9), 0.1);  // 3 * 10^-1 / 3
  EXPECT_DOUBLE_EQ(statistical_noise_level(3, 4, 10'000, 9), 0.1);
  EXPECT_DOUBLE_EQ(statistical_noise_level(8, 8, 256, 16), 1);  // 8 * 2^-1 / 4 = 1
  EXPECT_DOUBLE_EQ(statistical_noise_level(8, 8, 256, 16, 0.25), 0.25);
  EXPECT_DOUBLE_EQ(statistical_noise_level(0, 1, 1, 1), 0);
  EXPECT_THAT(message_of([] { statistical_noise_level(-1, 2, 10, 2); }), HasSubstr("radius = -1"));
  EXPECT_THAT(message_of([] { statistical_noise_level(1, 0, 10, 2); }), HasSubstr("intrinsic dimension = 0"));
  EXPECT_THAT(message_of([] { statistical_noise_level(1, 2, 0, 2); }), HasSubstr("0 samples of 2 entries"));
  EXPECT_THAT(message_of([] { statistical_noise_level(1, 2, 10, 0); }), HasSubstr("10 samples of 0 entries"));
  EXPECT_THAT(message_of([] { statistical_noise_level(1, 2, 10, 2, NAN); }), HasSubstr("kappa = nan"));
}

}  // namespace
}  // namespace monge::ot
