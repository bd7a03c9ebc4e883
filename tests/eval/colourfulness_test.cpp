#include "monge/eval/colourfulness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/support.h"

namespace monge::eval {
namespace {

TEST(Colourfulness, OfGreyIsZeroAndOfFlatColourItsShift) {
  EXPECT_NEAR(colourfulness(torch::rand({2, 1, 8, 8}).expand({2, 3, 8, 8})), 0, 1e-4);
  auto red = -torch::ones({1, 3, 4, 4});
  red.select(1, 0).fill_(1);
  EXPECT_NEAR(colourfulness(red), 0.3 * std::hypot(255.0, 127.5), 1e-9);
}

TEST(Colourfulness, AddsTheSpreadOfItsColours) {
  auto image = -torch::ones({1, 3, 2, 2});  // black
  image[0][0][0] = 1;                       // the upper half red: rg is 255 or 0, yb 127.5 or 0
  const double spread = std::hypot(127.5, 63.75), shift = std::hypot(127.5, 63.75);
  EXPECT_NEAR(colourfulness(image), spread + 0.3 * shift, 1e-9);
  // A batch gives the mean, and values beyond [-1, 1] are clamped.
  EXPECT_NEAR(colourfulness(torch::cat({image * 5, torch::zeros({1, 3, 2, 2})})), (spread + 0.3 * shift) / 2, 1e-9);
}

TEST(Colourfulness, RefusesGreyImages) {
  EXPECT_THAT(monge::testing::message_of([] { colourfulness(torch::zeros({2, 1, 4, 4})); }),
              ::testing::HasSubstr("[B, 3, H, W]"));
}

}  // namespace
}  // namespace monge::eval
