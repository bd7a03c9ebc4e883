#include "monge/eval/colouring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

constexpr double kLevel = 2.0 / 255;  // one level of 8 bits in [-1, 1]

TEST(Colouring, GreyImagesHaveThreeChannelsThatAreAlike) {
  const auto grey = (torch::rand({70, 1, 6, 6}, RandomStreams(2).at("grey", 0)) * 2 - 1).repeat({1, 3, 1, 1});
  EXPECT_TRUE(are_grey(grey));
  EXPECT_FALSE(are_grey(grey.narrow(1, 0, 1))) << "one channel cannot be coloured";
  auto rounded = grey.clone();
  rounded[69][2][3][4] += kLevel;
  EXPECT_TRUE(are_grey(rounded)) << "JPEG rounds";
  rounded[69][2][3][4] += kLevel;
  EXPECT_FALSE(are_grey(rounded)) << "the last image of the second chunk has a colour";
}

TEST(Colouring, AWhiteBackgroundHasMoreThanTwentyWhitePixels) {
  auto images = torch::zeros({70, 3, 8, 8});
  EXPECT_FALSE(any_white_background(images));
  images[69].narrow(1, 0, 3).narrow(2, 0, 7) = 0.98;  // 21 pixels; white begins at 0.97
  EXPECT_TRUE(any_white_background(images));
  images[69][1][2][6] = 0.96;
  EXPECT_FALSE(any_white_background(images)) << "20 are too few";
}

/// Two inputs with 32 and 24 white pixels and one with 20, which does not count; two outputs for each.
TEST(Colouring, TheBackgroundShiftIsTheMeanDeviationFromWhite) {
  auto input = -torch::ones({3, 3, 8, 8});
  input[0].narrow(1, 0, 4) = 1;
  input[1].narrow(1, 0, 3) = 1;
  input[2].narrow(1, 0, 2) = 1;
  input[2][0][2].narrow(0, 0, 4) = 1;  // red, not white
  input[2].narrow(1, 2, 1).narrow(2, 4, 4) = 1;
  auto output = input.unsqueeze(1).repeat({1, 2, 1, 1, 1});
  EXPECT_EQ(background_shift(input, output), 0);
  output.select(1, 0)[0][2].narrow(0, 0, 4) -= 6 * kLevel;  // blue alone: 2 levels on average, half over two outputs
  output.select(1, 1)[1].narrow(1, 0, 1) -= 9 * kLevel;  // 8 of 24 pixels: 3 levels on average, half over two outputs
  output[2] = -1;
  output[0].narrow(2, 4, 4) = 0.4;  // not white in the input
  EXPECT_NEAR(background_shift(input, output), (2. / 2 + 3. / 2) / 2, 1e-4);
  EXPECT_TRUE(std::isnan(background_shift(input.narrow(0, 2, 1), output.narrow(0, 2, 1))));
}

TEST(Colouring, WithRightOutputsOnlyTheirWhitePixelsCount) {
  auto input = torch::ones({2, 3, 8, 8}), right = input.clone();
  right[0].narrow(1, 0, 4) = 0;  // to be coloured: 32 pixels stay white
  right[1] = 0;
  auto output = input.unsqueeze(1).clone();
  output[0][0].narrow(1, 0, 4) = -1;
  EXPECT_EQ(background_sums(input, output, right).mean(), 0);
  output[0][0].narrow(1, 7, 1) -= 12 * kLevel;  // 8 of 32 pixels
  const auto sums = background_sums(input, output, right);
  EXPECT_EQ(sums.images, 1);
  EXPECT_NEAR(sums.mean(), 3, 1e-4);
  EXPECT_TRUE(std::isnan(background_sums(input, output, torch::zeros_like(input)).mean()));
}

TEST(Colouring, TheLumaShiftIsTheMeanChangeOfLuma) {
  const auto input = torch::zeros({2, 3, 4, 4});
  auto output = torch::zeros({2, 1, 3, 4, 4});
  output[0][0][0] = 10 * kLevel;   // luma +2.99
  output[1][0][1] = -10 * kLevel;  // luma -5.87
  EXPECT_NEAR(luma_shift(input, output), (2.99 + 5.87) / 2, 1e-4);
  output[0][0][1] = -10 * kLevel * 0.299 / 0.587;  // green takes back what red added
  EXPECT_NEAR(luma_shift(input, output), 5.87 / 2, 1e-4);
}

TEST(Colouring, RefusesOutputsOfOtherInputs) {
  using monge::testing::message_of;
  using ::testing::HasSubstr;
  EXPECT_THAT(message_of([] { luma_shift(torch::zeros({2, 3, 4, 4}), torch::zeros({2, 3, 4, 4})); }),
              HasSubstr("luma shift: inputs must be [B, 3, H, W] and outputs [B, K, 3, H, W], got [2, 3, 4, 4] and"));
  EXPECT_THAT(message_of([] { background_shift(torch::zeros({2, 1, 4, 4}), torch::zeros({2, 1, 1, 4, 4})); }),
              HasSubstr("background shift: "));
}

}  // namespace
}  // namespace monge::eval
