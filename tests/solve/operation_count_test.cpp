#include "monge/solve/operation_count.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/nn/mlp.h"
#include "monge/nn/ops/convolution.h"

namespace monge::solve {
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

// In float32: a product of [6,4] and [4,5] reads 24 + 20 values and writes 30.
TEST(OperationCount, CountsTheBytesOfOutermostCalls) {
  const auto a = torch::rand({6, 4}), b = torch::rand({4, 5}), weight = torch::rand({5, 4}), bias = torch::rand({5});
  const auto moved = [](auto&& work) {
    const OperationCount count;
    work();
    return count.bytes() / 4;
  };
  EXPECT_EQ(moved([&] { torch::mm(a, b); }), 24 + 20 + 30);
  EXPECT_EQ(moved([&] { at::linear(a, weight, bias); }), 24 + 20 + 5 + 30)
      << "what it calls inside is not counted again";
  EXPECT_EQ(moved([&] { a.t().slice(0, 1, 2).unsqueeze(0); }), 0) << "views move nothing";
  EXPECT_EQ(moved([&] { a.to(torch::kFloat32).contiguous(); }), 0) << "nor do copies that are not made";
  EXPECT_EQ(moved([&] { a.t().contiguous(); }), 24 + 24);
  EXPECT_EQ(moved([&] { torch::empty({100}); }), 0);
  EXPECT_EQ(moved([&] { torch::zeros({100}); }), 100);
  auto c = torch::rand({6, 4}), d = torch::empty({6, 5});
  EXPECT_EQ(moved([&] { c.add_(a); }), 3 * 24);
  EXPECT_EQ(moved([&] { c.copy_(a); }), 2 * 24) << "the old values are not read";
  EXPECT_EQ(moved([&] { at::mm_out(d, a, b); }), 24 + 20 + 30);
  EXPECT_EQ(moved([&] { at::cat({a, c}); }), 4 * 24);
  EXPECT_EQ(moved([&] { torch::rand({1}).expand({6, 4}).mul(a); }), 1 + 1 + 24 + 24)
      << "an expanded value is one value";
}

// The steps of a backward pass are not counted themselves, but the operators that they call are.
TEST(OperationCount, CountsTheBytesOfABackwardPass) {
  const auto a = torch::rand({6, 4}).requires_grad_(true), b = torch::rand({4, 5});
  const auto c = torch::mm(a, b).sum();
  const OperationCount count;
  c.backward();
  // The seed; its expansion into the sum's gradient is a view; [6,5] x [5,4]; the gradient may be kept without a copy.
  EXPECT_GE(count.bytes() / 4, 1 + 20 + 24);
  EXPECT_LE(count.bytes() / 4, 3 + 30 + 20 + 24 + 2 * 24);
}

// A convolution with fewer multiplications counts as the direct one that it replaces.
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
}  // namespace monge::solve
