#include "monge/train/operation_count.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/nn/mlp.h"
#include "monge/nn/ops/convolution.h"

namespace monge::train {
namespace {

TEST(OperationCount, CountsProductsOfAllThreads) {
  const auto a = torch::rand({6, 4}), b = torch::rand({4, 5}), bias = torch::rand({5});
  const OperationCount count;
  torch::mm(a, b);
  EXPECT_EQ(count.operations(), 2 * 6 * 4 * 5);
  torch::addmm(bias, a, b);
  EXPECT_EQ(count.operations(), 2 * (2 * 6 * 4 * 5));
}

// Forward 2 m n k a layer; backward as much for the weights and, but for the first layer's input, for what is below.
TEST(OperationCount, KnowsAnMlp) {
  nn::MlpMap net({.in = 4, .out = 3, .mlp = {.hidden = {8}, .activation = "relu"}});
  const auto x = torch::rand({10, 4});
  const OperationCount count;
  net.forward(x).sum().backward();
  const int64_t first = 2 * 10 * 4 * 8, second = 2 * 10 * 8 * 3;
  EXPECT_EQ(count.operations(), 2 * first + 3 * second);
}

TEST(OperationCount, CountsConvolutionsAndTheirGradients) {
  const auto x = torch::rand({2, 3, 8, 8}), weight = torch::rand({5, 3, 3, 3}).requires_grad_(true);
  const OperationCount count;
  const auto y = torch::conv2d(x, weight, {}, /*stride=*/2, /*padding=*/1);
  const int64_t forward = 2 * y.numel() * 3 * 9;
  EXPECT_EQ(count.operations(), forward);
  y.sum().backward();
  EXPECT_EQ(count.operations(), 2 * forward) << "of the weights alone: the input wants no gradient";
}

// What a convolution with fewer multiplications replaces is what counts.
TEST(OperationCount, TakesWinogradsConvolutionsForDirectOnes) {
  const auto x = torch::rand({2, 32, 8, 8}).contiguous(torch::MemoryFormat::ChannelsLast).requires_grad_(true);
  const auto weight = torch::rand({40, 32, 3, 3}).requires_grad_(true);
  const OperationCount count;
  const auto y = nn::convolution(x, weight, {});
  const int64_t forward = 2 * y.numel() * 32 * 9;
  EXPECT_EQ(count.operations(), forward);
  y.sum().backward();
  EXPECT_EQ(count.operations(), 3 * forward);
}

}  // namespace
}  // namespace monge::train
