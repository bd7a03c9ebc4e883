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

TEST(SmallCopy, OfTheSizeOfTheTrainingIsTheImageAndGivesTheOutput) {
  const auto x = picture(16, 24), y = -x;
  const SmallCopy small(x, {24, 16});
  EXPECT_LT((small.image() - x).abs().max().item<float>(), 1e-6);
  EXPECT_LT((small.add_change(x, y) - y).abs().max().item<float>(), 1e-6);
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
  // A checkerboard of single pixels is grey in the copy; a map that darkens it leaves the board's contrast.
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
