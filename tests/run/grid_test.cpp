#include "monge/run/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/support.h"

namespace monge::run {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ImageGrid, PlacesEveryPixel) {
  auto red = -torch::ones({3, 1, 2}), gradient = torch::tensor({{{-1.0f, 1.0f}}}).expand({3, 1, 2});
  red.select(0, 0).fill_(1);
  const auto grid = image_grid({red, gradient, torch::Tensor(), red}, {.columns = 3, .padding = 1, .background = 9});
  ASSERT_EQ(grid.sizes(), (std::vector<int64_t>{5, 10, 3}));
  ASSERT_EQ(grid.scalar_type(), torch::kUInt8);
  const std::vector<std::vector<int>> red_channel = {{9, 9, 9, 9, 9, 9, 9, 9, 9, 9},
                                                     {9, 255, 255, 9, 0, 255, 9, 9, 9, 9},
                                                     {9, 9, 9, 9, 9, 9, 9, 9, 9, 9},
                                                     {9, 255, 255, 9, 9, 9, 9, 9, 9, 9},
                                                     {9, 9, 9, 9, 9, 9, 9, 9, 9, 9}};
  for (int row = 0; row < 5; ++row) {
    for (int column = 0; column < 10; ++column) {
      EXPECT_EQ(grid[row][column][0].item<int>(), red_channel[row][column]) << row << ", " << column;
    }
  }
  EXPECT_EQ(grid[1][1][1].item<int>(), 0);  // red has no green
}

TEST(ImageGrid, EnlargesByWholePixelsAndTakesGrey) {
  const auto grid = image_grid({torch::tensor({{{-1.0f, 0.0f}}})}, {.padding = 0, .scale = 2});
  ASSERT_EQ(grid.sizes(), (std::vector<int64_t>{2, 4, 3}));
  EXPECT_EQ(grid[1][1][2].item<int>(), 0);
  EXPECT_EQ(grid[1][2][2].item<int>(), 128);
}

TEST(ImageGrid, ClampsAndShowsNanAsBlack) {
  const auto grid = image_grid({torch::tensor({{{NAN, -7.0f, 7.0f, INFINITY}}})}, {.padding = 0});
  EXPECT_EQ(grid[0][0][0].item<int>(), 0);
  EXPECT_EQ(grid[0][1][0].item<int>(), 0);
  EXPECT_EQ(grid[0][2][0].item<int>(), 255);
  EXPECT_EQ(grid[0][3][0].item<int>(), 255);
}

TEST(ImageGrid, RefusesWhatDoesNotFit) {
  const auto image = torch::zeros({3, 4, 4});
  EXPECT_THAT(message_of([] { image_grid({}); }), HasSubstr("no image"));
  EXPECT_THAT(message_of([&] { image_grid({image, torch::zeros({3, 4, 5})}); }),
              AllOf(HasSubstr("[3, 4, 4]"), HasSubstr("[3, 4, 5]")));
  EXPECT_THAT(message_of([] { image_grid({torch::zeros({2, 4, 4})}); }), HasSubstr("[2, 4, 4]"));
  EXPECT_THAT(message_of([&] { image_grid({image}, {.columns = 0}); }), HasSubstr("columns = 0 (allowed: 1..4096)"));
  EXPECT_THAT(message_of([&] { image_grid({image}, {.scale = -1}); }), HasSubstr("scale = -1"));
  EXPECT_THAT(message_of([] { image_grid({torch::zeros({1, 1}).expand({3, 1 << 14, 1 << 15})}); }),
              HasSubstr("too many"));
}

}  // namespace
}  // namespace monge::run
