#include "monge/nn/resnet_potential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ResNetPotential, HasTheParametersOfThePublicNet) {
  EXPECT_EQ(parameter_count(ResNetPotential({.size = 64, .init = "default"})), 22'933'441);
  EXPECT_EQ(parameter_count(ResNetPotential({.size = 128, .init = "default"})), 32'372'673);
  // Sixteen embedding channels cost their 3 x 3 kernels of the first convolution.
  EXPECT_EQ(parameter_count(ResNetPotential({.size = 64, .init = "default", .noise = {.channels = 16}})),
            22'933'441 + 16 * 64 * 9);
}

TEST(ResNetPotential, LeavesTheIndicesOfThePoolsOut) {
  const ResNetPotential net({.size = 16, .nfilter = 2, .nfilter_max = 4});
  std::vector<std::string> keys;
  for (const auto& [key, tensor] : state_dict(net)) {
    if (key.ends_with("weight")) keys.push_back(key.substr(0, key.size() - 7));
  }
  const std::vector<std::string> expected = {
      "conv_img",        "resnet.0.conv_0", "resnet.0.conv_1", "resnet.1.conv_0", "resnet.1.conv_1",
      "resnet.1.conv_s", "resnet.3.conv_0", "resnet.3.conv_1", "resnet.4.conv_0", "resnet.4.conv_1",
      "resnet.6.conv_0", "resnet.6.conv_1", "resnet.7.conv_0", "resnet.7.conv_1", "fc"};
  EXPECT_EQ(keys, expected);
}

TEST(ResNetPotential, RunsAtEverySizeFromEightUp) {
  for (const int64_t size : {8, 9, 11, 15, 16, 17, 31, 33, 50, 66}) {
    // 64 is reached at no size here, so the width of the last block is not nfilter_max.
    ResNetPotential net({.size = size, .nfilter = 2, .nfilter_max = 64});
    const auto y = torch::randn({2, 3, size, size}, torch::requires_grad());
    const auto f = net.forward(y);
    ASSERT_EQ(f.sizes(), std::vector<int64_t>{2}) << size;
    f.sum().backward();
    ASSERT_GT(y.grad().abs().min().item<double>(), 0) << size;
  }
}

TEST(ResNetPotential, TakesRectangles) {
  const ResNetPotential square({.size = 32, .nfilter = 4, .nfilter_max = 8});
  for (const ImageSize size : {ImageSize(48, 32), ImageSize(32, 48), ImageSize(37, 22), ImageSize(8, 80)}) {
    ResNetPotential net({.size = size, .nfilter = 4, .nfilter_max = 8});
    const auto y = torch::randn({2, 3, size.height, size.width}, torch::requires_grad());
    const auto f = net.forward(y);
    ASSERT_EQ(f.sizes(), std::vector<int64_t>{2});
    f.sum().backward();
    ASSERT_GT(y.grad().abs().min().item<double>(), 0) << text_of(size);
    const auto turned = torch::zeros({2, 3, size.width, size.height});
    EXPECT_THAT(message_of([&] { net.forward(turned); }),
                HasSubstr(text("must be [B, 3, ", size.height, ", ", size.width, "]")));
  }
  // The keys are those of a square with the shorter side; the last layer sees more pixels.
  const ResNetPotential wide({.size = {48, 32}, .nfilter = 4, .nfilter_max = 8});
  const auto expected = state_dict(square), got = state_dict(wide);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].first, expected[i].first);
  EXPECT_EQ(wide.named_parameters()["fc.weight"].size(1), 8 * 4 * 6);
  EXPECT_THAT(message_of([] { ResNetPotential({.size = {48, 7}}); }), HasSubstr("source.size = 7"));
  EXPECT_THAT(message_of([] { ResNetPotential({.size = {48, 33}, .patch = 2}); }),
              HasSubstr("does not fit source.size = 48x33"));
}

// An independent implementation: the header's formula on the raw tensors, with pooling as a mean of shifted images.
TEST(ResNetPotential, AgreesWithItsFormulaAtSizeEight) {
  ResNetPotential net({.size = 8, .nc = 1, .nfilter = 2, .nfilter_max = 3, .res_ratio = 0.3});
  const at::NoGradGuard no_grad;
  for (const auto& parameter : net.parameters()) parameter.uniform_(-1, 1);
  auto named = net.named_parameters();
  const auto lrelu = [](const torch::Tensor& t) { return torch::where(t > 0, t, 0.2 * t); };
  const auto conv = [&](const torch::Tensor& t, const std::string& at) {
    return torch::conv2d(t, named[at + ".weight"], named[at + ".bias"], 1, 1);
  };
  const auto block = [&](const torch::Tensor& t, const std::string& at) {
    auto shortcut = t;
    if (named.contains(at + ".conv_s.weight")) {
      shortcut = torch::einsum("bchw,dc->bdhw", {t, named[at + ".conv_s.weight"].squeeze(3).squeeze(2)});
    }
    return lrelu(shortcut + 0.3 * conv(lrelu(conv(t, at + ".conv_0")), at + ".conv_1"));
  };
  const auto y = torch::randn({2, 1, 8, 8});
  auto h = block(block(lrelu(conv(y, "conv_img")), "resnet.0"), "resnet.1");
  const auto framed = torch::constant_pad_nd(h, {1, 1, 1, 1});
  auto pooled = torch::zeros({2, 3, 4, 4});
  for (int64_t dy = 0; dy < 3; ++dy) {
    for (int64_t dx = 0; dx < 3; ++dx) pooled += framed.slice(2, dy, dy + 7, 2).slice(3, dx, dx + 7, 2) / 9;
  }
  h = block(block(pooled, "resnet.3"), "resnet.4");
  const auto expected = torch::mv(h.reshape({2, -1}), named["fc.weight"][0]) + named["fc.bias"];

  EXPECT_LT(monge::testing::relative_error(net.forward(y), expected), 1e-5);
}

TEST(ResNetPotential, StartsWithTheFanOutOfItsConvolutions) {
  torch::manual_seed(2);
  ResNetPotential net({.size = 16});
  const auto named = net.named_parameters();
  const auto& weight = named["resnet.4.conv_1.weight"];                          // [256, 128, 3, 3]
  EXPECT_NEAR(weight.std().item<double>() * std::sqrt(256 * 9 / 2.0), 1, 0.01);  // 295k values: standard error 0.0013
  EXPECT_LT(named["resnet.4.conv_1.bias"].abs().max().item<double>(), 1 / std::sqrt(128.0 * 9));
}

TEST(ResNetPotential, SeesItsNoiseLevelPerSample) {
  for (const std::string input : {"sigma", "log", "fourier"}) {
    ResNetPotential net({.size = 8, .nfilter = 4, .nfilter_max = 8, .noise = {.channels = 16, .input = input}});
    const auto y = torch::randn({1, 3, 8, 8}).repeat({3, 1, 1, 1});
    const auto f = net.forward(y, torch::tensor({0.5f, 0.5f, 2.0f}));
    EXPECT_NEAR(f[0].item<float>(), f[1].item<float>(), 1e-5) << input;
    EXPECT_GT((f[0] - f[2]).abs().item<float>(), 1e-4) << input;
  }
}

TEST(ResNetPotential, HasASecondDerivative) {
  ResNetPotential net({.size = 8, .nfilter = 4, .nfilter_max = 8});
  const auto y = torch::randn({2, 3, 8, 8}, torch::requires_grad());
  const auto gradient = torch::autograd::grad({net.forward(y).sum()}, {y}, {}, true, true)[0];
  gradient.square().sum().backward();
  EXPECT_GT(net.named_parameters()["conv_img.weight"].grad().abs().max().item<double>(), 0);
}

TEST(ResNetPotential, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of([] { ResNetPotential({.size = 7}); }), HasSubstr("source.size = 7 (allowed: 8..4096)"));
  EXPECT_THAT(message_of([] { ResNetPotential({.nfilter = 8, .nfilter_max = 4}); }),
              HasSubstr("potential.width_max = 4"));
  EXPECT_THAT(message_of([] { ResNetPotential({.init = "xavier"}); }), HasSubstr("\"xavier\""));
  EXPECT_THAT(message_of([] { ResNetPotential({.noise = {.channels = 3}}); }),
              HasSubstr("noised.embedding_channels = 3"));
  EXPECT_THAT(message_of([] { ResNetPotential({.size = 16, .patch = 3}); }),
              HasSubstr("potential.patch = 3 does not fit source.size = 16"));

  ResNetPotential plain({.size = 8, .nfilter = 2, .nfilter_max = 2});
  ResNetPotential noised({.size = 8, .nfilter = 2, .nfilter_max = 2, .noise = {.channels = 4}});
  const auto y = torch::zeros({2, 3, 8, 8});
  EXPECT_THAT(message_of([&] { plain.forward(torch::zeros({2, 3, 16, 16})); }),
              AllOf(HasSubstr("[B, 3, 8, 8]"), HasSubstr("[2, 3, 16, 16]")));
  EXPECT_THAT(message_of([&] { plain.forward(y, torch::ones(2)); }), HasSubstr("noised.embedding_channels"));
  EXPECT_THAT(message_of([&] { noised.forward(y); }), HasSubstr("needs a noise level per sample"));
  EXPECT_THAT(message_of([&] { noised.forward(y, torch::ones({2, 1})); }), HasSubstr("[B] = [2]"));
}

}  // namespace
}  // namespace monge::nn
