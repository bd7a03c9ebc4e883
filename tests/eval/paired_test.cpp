#include "monge/eval/paired.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// The images of the script below, as bits: the sum and the sine are in double, the result is rounded to float32.
struct Waves {
  torch::Tensor first, second;  // [2, 3, 24, 20]
};

Waves waves() {
  Waves out{torch::empty({2, 3, 24, 20}), torch::empty({2, 3, 24, 20})};
  auto first = out.first.accessor<float, 4>(), second = out.second.accessor<float, 4>();
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t y = 0; y < 24; ++y) {
      for (int64_t x = 0; x < 20; ++x) {
        const auto wave = 0.31 * static_cast<double>(x) + 0.17 * static_cast<double>(y) + 0.9 * static_cast<double>(c);
        const auto other = 0.7 * static_cast<double>(x) - 0.2 * static_cast<double>(y * c);
        for (int64_t i : {0, 1}) first[i][c][y][x] = static_cast<float>(0.8 * std::sin(wave));
        second[0][c][y][x] = static_cast<float>(0.8 * std::sin(wave + 0.2));
        second[1][c][y][x] = static_cast<float>(0.5 * std::cos(other));
      }
    }
  }
  return out;
}

// Made once with scikit-image 0.26.0 and numpy:
//     c, y, x = np.meshgrid(np.arange(3), np.arange(24), np.arange(20), indexing="ij")
//     a = (0.8 * np.sin(0.31 * x + 0.17 * y + 0.9 * c)).astype(np.float32)
//     for b in (0.8 * np.sin(0.31 * x + 0.17 * y + 0.9 * c + 0.2), 0.5 * np.cos(0.7 * x - 0.2 * y * c)):
//         w, v = a.astype(np.float64), b.astype(np.float32).astype(np.float64)
//         structural_similarity(w, v, data_range=2, channel_axis=0, gaussian_weights=True, sigma=1.5,
//                               use_sample_covariance=False)
//         peak_signal_noise_ratio(w, v, data_range=2); ((w - v) ** 2).mean()
TEST(PairedFigures, EqualThoseOfScikitImage) {
  const auto [first, second] = waves();
  const auto a = SignedImages::from_signed(first), b = SignedImages::from_signed(second);
  const auto ssim = structural_similarity(a, b), psnr = peak_signal_to_noise(a, b), mse = mean_squared_error(a, b);
  EXPECT_EQ(ssim.scalar_type(), torch::kFloat64);
  EXPECT_NEAR(ssim[0].item<double>(), 0.7849705996885907, 1e-9);
  EXPECT_NEAR(ssim[1].item<double>(), 0.08065447219976617, 1e-9);
  EXPECT_NEAR(psnr[0].item<double>(), 24.96144238360584, 1e-7);
  EXPECT_NEAR(psnr[1].item<double>(), 9.761412080181538, 1e-7);
  EXPECT_NEAR(mse[0].item<double>(), 0.012761912216167902, 1e-10);
  EXPECT_NEAR(mse[1].item<double>(), 0.4225895790999691, 1e-10);
}

TEST(PairedFigures, AreAsByHand) {
  const auto a = SignedImages::from_signed(torch::zeros({2, 3, 2, 2}));
  auto moved = torch::zeros({2, 3, 2, 2});
  moved[1] = 0.5;
  const auto b = SignedImages::from_signed(moved);
  EXPECT_TRUE(torch::equal(mean_squared_error(a, b), torch::tensor({0.0, 0.25}, torch::kFloat64)));
  const auto psnr = peak_signal_to_noise(a, b);
  EXPECT_EQ(psnr[0].item<double>(), INFINITY);
  EXPECT_DOUBLE_EQ(psnr[1].item<double>(), 10 * std::log10(16.0));
}

TEST(StructuralSimilarity, IsOneForEqualImagesAndSymmetric) {
  const auto stream = RandomStreams(1).at("images", 0);
  const auto a = SignedImages::from_signed(torch::rand({5, 3, 11, 30}, stream) * 2 - 1);
  const auto b = SignedImages::from_signed(torch::rand({5, 3, 11, 30}, stream) * 2 - 1);
  EXPECT_TRUE(torch::allclose(structural_similarity(a, a), torch::ones({5}, torch::kFloat64), 0, 1e-12));
  EXPECT_TRUE(torch::equal(structural_similarity(a, b), structural_similarity(b, a)));
}

TEST(StructuralSimilarity, OfFlatImagesIsItsLuminanceTerm) {
  const auto a = SignedImages::from_signed(torch::full({1, 3, 11, 11}, 0.5)),
             b = SignedImages::from_signed(torch::full({1, 3, 11, 11}, -0.25));
  const double c1 = 0.02 * 0.02;
  EXPECT_NEAR(structural_similarity(a, b).item<double>(), (2 * 0.5 * -0.25 + c1) / (0.25 + 0.0625 + c1), 1e-12);
}

// 2^16 pixels a block: 70 images of 32 x 32 take two.
TEST(StructuralSimilarity, DoesNotDependOnItsBlocks) {
  const auto stream = RandomStreams(2).at("images", 0);
  const auto a = SignedImages::from_signed(torch::rand({70, 3, 32, 32}, stream) * 2 - 1);
  const auto b = SignedImages::from_signed(torch::rand({70, 3, 32, 32}, stream) * 2 - 1);
  const auto whole = structural_similarity(a, b);
  for (const int64_t i : {0, 63, 64, 69}) {
    EXPECT_DOUBLE_EQ(whole[i].item<double>(),
                     structural_similarity(a.slice(i, i + 1), b.slice(i, i + 1)).item<double>());
  }
}

TEST(PairedFigures, RefuseWhatDoesNotFit) {
  const auto small = SignedImages::from_signed(torch::zeros({1, 3, 10, 40}));
  const auto two = SignedImages::from_signed(torch::zeros({2, 3, 10, 40}));
  EXPECT_THAT(message_of([&] { structural_similarity(small, small); }),
              AllOf(HasSubstr("10 x 40"), HasSubstr("11 x 11 or more")));
  EXPECT_THAT(message_of([&] { mean_squared_error(small, two); }), HasSubstr("the same number of images"));
  EXPECT_THAT(message_of([&] { peak_signal_to_noise(small, two); }), HasSubstr("PSNR"));
}

}  // namespace
}  // namespace monge::eval
