#include "monge/eval/texture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

/// Images [3, 3, H, W] by a formula in integers, so that numpy makes the same ones: noise, or a plane that repeats.
torch::Tensor patterned_images(bool noise, int64_t height, int64_t width) {
  const auto axis = [](int64_t dim, int64_t size) {
    std::vector<int64_t> shape(4, 1);
    shape[static_cast<size_t>(dim)] = size;
    return torch::arange(size).reshape(shape);
  };
  const auto b = axis(0, 3), c = axis(1, 3), y = axis(2, height), x = axis(3, width);
  const auto v = noise ? y * y * (3 + c) + x * (11 * y + 5 * b + 7) + x * x * c + 37 * b + 101 * c
                       : 3 * x + 5 * y * (c + 1) + 29 * b;
  return (v.remainder(256).to(torch::kFloat64) / 127.5 - 1).to(torch::kFloat32);
}

// The values are those of numpy 2, which transforms in float64 and by a full complex DFT:
//
//     def images(noise, h, w):
//         b, c, y, x = np.meshgrid(*map(np.arange, (3, 3, h, w)), indexing="ij")
//         v = y*y*(3+c) + x*(11*y+5*b+7) + x*x*c + 37*b + 101*c if noise else 3*x + 5*y*(c+1) + 29*b
//         return v % 256 / 127.5 - 1
//     def energy(p, h, w):
//         k = np.maximum(abs(np.fft.fftfreq(h))[:, None], abs(np.fft.fftfreq(w)))
//         return (abs(np.fft.fft2(p)) ** 2)[:, k >= .375].sum() / len(p) / (h * w) ** 2
//     a = images(noise, h, w); y = np.tensordot([.299, .587, .114], a, (0, 1))
//     print(energy(y, h, w), sum(energy(a[:, c] - y, h, w) for c in range(3)))
TEST(Texture, IsTheEnergyThatNumpyFinds) {
  struct Case {
    bool noise;
    int64_t height, width;
    double luma, chroma;
  };
  // 16 x 24 has frequencies at 3/8 cycles per pixel exactly, 13 and 9 have none at 1/2.
  for (const auto& [noise, height, width, luma, chroma] :
       {Case{true, 16, 24, 0.0902696781308007, 0.4183851422269411},
        Case{false, 16, 24, 0.006650764470903262, 0.03026194755910295},
        Case{true, 10, 13, 0.09624816217713561, 0.4432130092892761},
        Case{false, 10, 13, 0.004664517239366471, 0.002595922957450405},
        Case{true, 1, 9, 0.0075152659038060735, 0.032249019619768546}}) {
    const auto found = fine_detail(patterned_images(noise, height, width));
    EXPECT_NEAR(found.luma, luma, 2e-6 * luma) << height << " x " << width;  // float32
    EXPECT_NEAR(found.chroma, chroma, 2e-6 * chroma) << height << " x " << width;
  }
  const auto quotient = texture(patterned_images(true, 16, 24), patterned_images(false, 16, 24));
  EXPECT_NEAR(quotient.luma, 13.572827, 1e-4);    // 0.0902696781308007 / 0.006650764470903262
  EXPECT_NEAR(quotient.chroma, 13.825453, 1e-4);  // 0.4183851422269411 / 0.03026194755910295
}

TEST(Texture, OfACheckerboardIsItsVariance) {
  const auto side = torch::arange(8);
  const auto board = ((side.unsqueeze(1) + side) % 2 * 2 - 1).to(torch::kFloat32);  // +-1, at (1/2, 1/2) alone
  EXPECT_NEAR(fine_detail(0.5 * board.expand({2, 1, 8, 8}) + 0.25).luma, 0.25, 1e-6);
  EXPECT_EQ(fine_detail(board.expand({2, 1, 8, 8})).chroma, 0);
  auto red = torch::zeros({1, 3, 8, 8});
  red[0][0] = board;
  const auto found = fine_detail(red);
  EXPECT_NEAR(found.luma, 0.299 * 0.299, 1e-6);
  EXPECT_NEAR(found.chroma, 0.701 * 0.701 + 2 * 0.299 * 0.299, 1e-6);
}

TEST(Texture, IsOneOfEqualSetsMoreOfGrainAndLessOfBlur) {
  const auto target = torch::rand({40, 3, 16, 16}, RandomStreams(4).at("target", 0)) - 0.5;
  EXPECT_DOUBLE_EQ(texture(target, target).luma, 1);
  EXPECT_DOUBLE_EQ(texture(target, target).chroma, 1);
  const auto half = texture(0.5 * target + 0.3, target);
  EXPECT_NEAR(half.luma, 0.25, 1e-5);
  EXPECT_NEAR(half.chroma, 0.25, 1e-5);
  const auto blurred = torch::avg_pool2d(target, 3, 1, 1);
  EXPECT_LT(texture(blurred, target).luma, 0.2);
  EXPECT_GT(texture(target, blurred).chroma, kGrainFrom);
}

TEST(Texture, DoesNotDependOnTheChunks) {
  const auto images = torch::rand({5, 3, 420, 420}, RandomStreams(4).at("images", 0)) * 2 - 1;  // each is a chunk
  double luma = 0, chroma = 0;
  for (int64_t i = 0; i < 5; ++i) {
    const auto one = fine_detail(images.narrow(0, i, 1));
    luma += one.luma / 5;
    chroma += one.chroma / 5;
  }
  const auto all = fine_detail(images);
  EXPECT_NEAR(all.luma, luma, 1e-9);
  EXPECT_NEAR(all.chroma, chroma, 1e-9);
  const auto small = images.slice(2, 0, 16).slice(3, 0, 16).repeat({200, 1, 1, 1});  // 1000, two chunks
  EXPECT_NEAR(fine_detail(small).luma, fine_detail(small.slice(0, 0, 5)).luma, 1e-7);
}

TEST(Texture, IsNotMeasuredWhereTheTargetHasNone) {
  const auto outputs = torch::rand({4, 3, 16, 16}, RandomStreams(4).at("outputs", 0)) * 2 - 1;
  const auto flat = texture(outputs, torch::full({4, 3, 16, 16}, 0.3));
  EXPECT_TRUE(std::isnan(flat.luma));
  EXPECT_TRUE(std::isnan(flat.chroma));
  const auto grey = texture(outputs, outputs.narrow(1, 0, 1).expand({4, 3, 16, 16}));
  EXPECT_TRUE(std::isfinite(grey.luma));
  EXPECT_TRUE(std::isnan(grey.chroma)) << "the rounding of the luma is no chroma";
  EXPECT_TRUE(std::isnan(texture(outputs.narrow(1, 0, 1), outputs.narrow(1, 0, 1)).chroma));
  EXPECT_TRUE(std::isnan(texture(outputs.slice(2, 0, 1).slice(3, 0, 1), outputs.slice(2, 0, 1).slice(3, 0, 1)).luma))
      << "one pixel has no band";
  // The least that images of 8 bits have is enough: one pixel of 1,024 that is one level off.
  auto nearly_flat = torch::zeros({4, 3, 16, 16});
  nearly_flat[2][1][5][7] = 2.0 / 255;
  EXPECT_TRUE(std::isfinite(texture(outputs, nearly_flat).luma));
}

TEST(Texture, RefusesWhatIsNoBatchOfImages) {
  for (const auto& shape : {std::vector<int64_t>{2, 4, 8, 8}, {3, 8, 8}, {0, 3, 8, 8}}) {
    EXPECT_THAT(monge::testing::message_of([&] { fine_detail(torch::zeros(shape)); }),
                ::testing::HasSubstr("fine detail: images must be [B, 1, H, W] or [B, 3, H, W], got ["));
  }
}

}  // namespace
}  // namespace monge::eval
