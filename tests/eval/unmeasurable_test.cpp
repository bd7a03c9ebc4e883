#include "monge/eval/unmeasurable.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "monge/data/tensor_source.h"

namespace monge::eval {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity(),
                kNotANumber = std::numeric_limits<float>::quiet_NaN();

TEST(Unmeasurable, CountsAndNamesTheFirst) {
  const data::TensorSource source("t", torch::zeros({6, 2}));
  const std::vector<int64_t> items{3, 5, 0, 4};  // as they were drawn
  const auto words = [&](const torch::Tensor& samples, int64_t draws = 1) {
    return unmeasurable("outputs", samples, draws, source, [&] { return items; });
  };
  auto samples = torch::zeros({4, 2});
  EXPECT_EQ(words(samples), "");
  samples[1][0] = 9e18;
  EXPECT_EQ(words(samples), "");
  samples[1][0] = kNotANumber;
  EXPECT_EQ(words(samples), "1 of 4 outputs is not finite; the first is that of row 5 (counted from 0)");
  samples[3][1] = -kInfinity;
  EXPECT_EQ(words(samples), "2 of 4 outputs are not finite; the first is that of row 4 (counted from 0)");
  samples[0][1] = -3e38;
  EXPECT_EQ(words(samples),
            "3 of 4 outputs are not finite, or beyond 1e19, where squared distances overflow; the first is that of row "
            "3 (counted from 0)");
  EXPECT_EQ(
      words(torch::full({4, 2}, 3e38).slice(0, 2, 3).expand({4, 2})),
      "4 of 4 outputs are beyond 1e19, where squared distances overflow; the first is that of row 0 (counted from 0)");
  auto several = torch::zeros({4, 3, 2});
  several[2][1][0] = kNotANumber;
  EXPECT_EQ(words(several, 3), "1 of 12 outputs is not finite; the first is that of row 0 (counted from 0)");
}

TEST(Unmeasurable, HasNoPlaceInAnEndlessLaw) {
  const data::TensorSource source("t", torch::zeros({1, 2}));
  EXPECT_EQ(unmeasurable("inputs", torch::full({2, 2}, kNotANumber), 1, source, [] { return std::vector<int64_t>(); }),
            "2 of 2 inputs are not finite");
}

}  // namespace
}  // namespace monge::eval
