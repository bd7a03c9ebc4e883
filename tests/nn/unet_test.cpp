#include "monge/nn/unet.h"

#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(UNet, HasTheParametersOfThePublicNet) {
  EXPECT_EQ(parameter_count(UNet({})), 9'715'827);
  // One noise channel more costs the 3 x 3 kernels of the first convolution alone.
  EXPECT_EQ(parameter_count(UNet({.in = 4})), 9'715'827 + 48 * 9);
}

TEST(UNet, KeepsTheSizeFromEightUp) {
  for (const std::string norm : {"batch", "group"}) {
    UNet net({.in = 4, .base = 2, .norm = norm});
    for (int64_t size = 8; size <= 34; size += size < 17 ? 1 : 8) {
      const auto x = torch::randn({2, 4, size, 42 - size}, torch::requires_grad());
      const auto y = net.forward(x);
      ASSERT_EQ(y.sizes(), (std::vector<int64_t>{2, 3, size, 42 - size}));
      y.square().sum().backward();
      ASSERT_TRUE(torch::isfinite(x.grad()).all().item<bool>());
    }
  }
}

TEST(UNet, RunsAtEveryDepth) {
  const int64_t deepest[] = {2, 4, 8, 16};
  for (int64_t depth = 1; depth <= 4; ++depth) {
    UNet net({.base = 2, .depth = depth});
    EXPECT_EQ(net.forward(torch::randn({2, 3, 32, 32})).sizes(), (std::vector<int64_t>{2, 3, 32, 32}));
    const auto keys = net.named_parameters();
    const auto down = "down" + std::to_string(depth) + ".maxpool_conv.1.double_conv.3.weight";
    EXPECT_EQ(keys[down].size(0), deepest[depth - 1]);
    EXPECT_FALSE(keys.contains("up" + std::to_string(depth + 1) + ".conv.double_conv.0.weight"));
  }
}

// An independent implementation of one level, by functions on the raw tensors.
TEST(UNet, AgreesWithItsFormulaAtDepthOne) {
  torch::manual_seed(0);
  UNet net({.base = 3, .depth = 1});
  net.eval();
  const at::NoGradGuard no_grad;
  for (auto& [key, tensor] : state_dict(net)) {
    if (tensor.is_floating_point()) tensor.uniform_(0.2, 0.9);
  }
  auto named = net.named_parameters();
  const auto buffers = net.named_buffers();
  const auto pair = [&](torch::Tensor h, const std::string& at) {
    for (const int i : {0, 3}) {
      const std::string conv = at + std::to_string(i), norm = at + std::to_string(i + 1);
      h = torch::conv2d(h, named[conv + ".weight"], named[conv + ".bias"], 1, 1);
      const auto column = [](const torch::Tensor& t) { return t.view({1, -1, 1, 1}); };
      h = (h - column(buffers[norm + ".running_mean"])) / (column(buffers[norm + ".running_var"]) + 1e-5).sqrt();
      h = (h * column(named[norm + ".weight"]) + column(named[norm + ".bias"])).clamp_min(0);
    }
    return h;
  };
  const auto x = torch::randn({2, 3, 8, 8});
  const auto a = pair(x, "inc.double_conv.");
  const auto b = pair(a.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).amax(4), "down1.maxpool_conv.1.double_conv.");
  // align_corners: output pixel i of 8 reads the place i * (4 - 1) / (8 - 1) of the 4 input pixels.
  auto weights = torch::zeros({8, 4});
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t j = 0; j < 4; ++j) weights[i][j] = std::max(0.0, 1 - std::abs(i * 3.0 / 7 - j));
  }
  const auto up = torch::einsum("ij,bcjk,lk->bcil", {weights, b, weights});
  const auto c = pair(torch::cat({a, up}, 1), "up1.conv.double_conv.");
  const auto expected = torch::conv2d(c, named["outc.conv.weight"], named["outc.conv.bias"]);

  EXPECT_LT(monge::testing::relative_error(net.forward(x), expected), 1e-5);  // float32 sums of up to 54 terms
}

TEST(UNet, StartsAsTheIdentityOnRequest) {
  UNet net({.in = 4, .base = 2, .residual = true, .zero_last = true});
  const auto x = torch::randn({2, 4, 16, 16});
  EXPECT_TRUE(torch::equal(net.forward(x), x.narrow(1, 0, 3)));
}

TEST(UNet, BoundsItsOutputOnRequest) {
  UNet net({.base = 2, .output = "tanh"});
  EXPECT_LE(net.forward(100 * torch::randn({2, 3, 16, 16})).abs().max().item<double>(), 1.0);
}

TEST(UNet, IsTheSameFunctionInEitherMemoryFormat) {
  UNet net({.base = 4});
  net.eval();
  const auto x = torch::randn({2, 3, 24, 24});
  const auto plain = net.forward(x);
  to_channels_last(net);
  const auto last = net.forward(x.contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_LT(monge::testing::relative_error(last, plain), 1e-5);
}

TEST(UNet, RunsUnderAutocast) {
  UNet net({.base = 4});
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, torch::kBFloat16);
  const auto y = net.forward(torch::randn({2, 3, 16, 16}));
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  y.to(torch::kFloat32).sum().backward();
  for (const auto& parameter : net.parameters()) EXPECT_TRUE(torch::isfinite(parameter.grad()).all().item<bool>());
}

TEST(UNet, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of([] { UNet({.base = 0}); }), HasSubstr("base = 0 (allowed: 1..1024)"));
  EXPECT_THAT(message_of([] { UNet({.depth = 5}); }), HasSubstr("depth = 5 (allowed: 1..4)"));
  EXPECT_THAT(message_of([] { UNet({.norm = "layer"}); }), HasSubstr("\"layer\" (allowed: batch, group)"));
  EXPECT_THAT(message_of([] { UNet({.output = "relu"}); }), HasSubstr("\"relu\" (allowed: none, tanh, clamp)"));
  EXPECT_THAT(message_of([] { UNet({.in = 1, .residual = true}); }), HasSubstr("residual = false"));

  UNet net({.base = 2});
  EXPECT_THAT(message_of([&] { net.forward(torch::zeros({1, 4, 16, 16})); }),
              AllOf(HasSubstr("[B, 3, H, W]"), HasSubstr("[1, 4, 16, 16]")));
  EXPECT_THAT(message_of([&] { net.forward(torch::zeros({1, 3, 7, 16})); }), HasSubstr("at least 8 pixels"));
  EXPECT_THAT(message_of([&] { net.forward(torch::zeros({1, 3, 16, 16})); }),
              AllOf(HasSubstr("one image of 16 x 16"), HasSubstr("train.batch = 2")));
}

}  // namespace
}  // namespace monge::nn
