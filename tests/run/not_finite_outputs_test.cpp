#include "monge/run/not_finite_outputs.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "monge/data/tensor_source.h"

namespace monge::run {
namespace {

TEST(NotFiniteOutputs, AreCountedOverPieces) {
  const data::TensorSource input("t", torch::zeros({9, 2}));
  NotFiniteOutputs outputs;
  outputs.add(0, torch::zeros({4, 2, 2}));
  EXPECT_EQ(outputs.count(), 0);
  EXPECT_EQ(outputs.warning(input), "");
  auto piece = torch::zeros({5, 2, 2});
  piece[2][1][0] = std::numeric_limits<float>::quiet_NaN();
  outputs.add(4, piece);
  EXPECT_EQ(outputs.first(), 6);
  EXPECT_EQ(
      outputs.warning(input),
      "1 of 18 outputs is not finite; the first is that of row 6 (counted from 0); look for fill values in the input");
  piece[3] = std::numeric_limits<float>::infinity();
  outputs.add(9, piece);
  EXPECT_EQ(outputs.count(), 4);
  EXPECT_EQ(outputs.first(), 6);
}

TEST(NotFiniteOutputs, AreThoseOfTheTypeThatIsWritten) {
  const auto large = torch::full({1, 1, 1}, 1e300, torch::kFloat64);
  NotFiniteOutputs text, floats(torch::kFloat32);
  text.add(0, large);
  floats.add(0, large);
  EXPECT_EQ(text.count(), 0);
  EXPECT_EQ(floats.count(), 1);
}

}  // namespace
}  // namespace monge::run
