// The change of a small copy, enlarged and added to an image.
#include "monge/model/small_copy.h"

#include <gtest/gtest.h>
#include <torch/nn/functional.h>

#include "monge/core/random.h"

namespace monge::model {
namespace {

torch::Tensor picture(int64_t height, int64_t width) {
  auto x = torch::rand({2, 3, height, width}, RandomStreams(3).at("picture", 0)) * 1.2 - 0.6;
  return torch::nn::functional::avg_pool2d(x, torch::nn::functional::AvgPool2dFuncOptions(5).stride(1).padding(2));
}

TEST(SmallCopy, OfTheSizeOfTheTrainingIsTheImage) {
  const auto x = picture(16, 24);
  EXPECT_LT((SmallCopy(x, {24, 16}).image() - x).abs().max().item<float>(), 1e-6);
}

TEST(SmallCopy, ColoursStopAtEdgesOfTheLargeImage) {
  // A dark disc on white, 128 pixels wide; a map that makes what is dark red. The edge lies within pixels of the copy.
  const auto at = torch::arange(128) - 63.5;
  const auto inside = (at.square().view({128, 1}) + at.square()) < 45 * 45;
  const auto x = torch::where(inside, -0.6, 1.0).to(torch::kFloat32).expand({1, 3, 128, 128}).contiguous();
  const SmallCopy small(x, 16);
  const auto darkness = (1 - small.image().mean(1, true)) / 1.6;  // 1 in the disc, 0 outside
  const auto change = torch::tensor({0.8F, 0.0F, 0.0F}).view({1, 3, 1, 1}) * darkness;
  const auto y = small.add_change(x, small.image() + change);
  const auto red = (y - x).select(1, 0).squeeze(0);
  EXPECT_GT(red.masked_select(inside).min().item<float>(), 0.6);
  EXPECT_LT(red.masked_select(~inside).max().item<float>(), 0.05);
  // Enlarged without the image, the colour would run over the edge by a pixel of the copy.
  const auto plain = at::upsample_bicubic2d(change, {128, 128}, false).select(1, 0).squeeze(0);
  EXPECT_GT(plain.masked_select(~inside).max().item<float>(), 0.2);
}

TEST(SmallCopy, AMapThatShiftsAllValuesShiftsImagesOfEverySize) {
  for (const auto& [height, width] : {std::pair{40, 100}, {7, 5}, {1, 1}, {32, 32}, {129, 3}}) {
    const auto x = picture(height, width);
    const SmallCopy small(x, 32);
    EXPECT_EQ(small.image().sizes(), (torch::IntArrayRef{2, 3, 32, 32}));
    const auto y = small.add_change(x, small.image() + 0.25);
    EXPECT_LT((y - (x + 0.25)).abs().max().item<float>(), 1e-5) << height << " x " << width;
  }
}

TEST(SmallCopy, KeepsProportionsAndRepeatsTheEdge) {
  auto x = torch::zeros({1, 1, 20, 80});
  x.slice(3, 40) = 1;            // the right half is white
  const SmallCopy small(x, 16);  // 16 x 4 pixels in the middle
  const auto copy = small.image()[0][0];
  EXPECT_TRUE(torch::allclose(copy.slice(1, 0, 6), torch::zeros({16, 6}), 0, 0.01));
  EXPECT_TRUE(torch::allclose(copy.slice(1, 10), torch::ones({16, 6}), 0, 0.01));
  EXPECT_TRUE(torch::equal(copy[0], copy[6]));
  EXPECT_TRUE(torch::equal(copy[15], copy[9]));
}

TEST(SmallCopy, KeepsFineDetailAndStaysInRange) {
  // A checkerboard of single pixels is grey in the copy; a map that darkens it evenly leaves the board's contrast.
  const auto x =
      ((torch::arange(64).view({64, 1}) + torch::arange(64)) % 2).to(torch::kFloat32).view({1, 1, 64, 64}) - 0.5;
  const SmallCopy small(x, 8);
  EXPECT_LT(small.image().abs().max().item<float>(), 0.05);
  const auto y = small.add_change(x, small.image() - 0.2);
  EXPECT_TRUE(torch::allclose(y, x - 0.2, 0, 1e-4));
  EXPECT_EQ(small.add_change(x, small.image() - 3).min().item<float>(), -1);
}

}  // namespace
}  // namespace monge::model
