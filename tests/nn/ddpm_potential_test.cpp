#include "monge/nn/ddpm_potential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/nn/functional.h>
#include <torch/types.h>

#include <cmath>
#include <map>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::relative_error;
using torch::Tensor;

Tensor images(int64_t height, int64_t width) {
  return torch::randn({2, 3, height, width}, RandomStreams(3).at("image", 0)).requires_grad_();
}

TEST(DdpmPotential, GivesOneValueOfEveryImageAndDependsOnAllPixels) {
  for (const ImageSize size : {ImageSize(8), ImageSize(17), ImageSize(48, 32), ImageSize(10, 37)}) {
    DdpmPotential net({.size = size, .width = 4, .width_max = 8});
    const auto y = images(size.height, size.width);
    const auto f = net.forward(y);
    ASSERT_EQ(f.sizes(), std::vector<int64_t>{2});
    f.sum().backward();
    EXPECT_GT(y.grad().abs().min().item<double>(), 0) << text_of(size);
  }
}

// An independent implementation: the header's formula on the raw tensors.
TEST(DdpmPotential, AgreesWithItsFormula) {
  const DdpmPotentialOptions options{.size = 12, .width = 4, .width_max = 6};
  DdpmPotential net(options);
  std::map<std::string, Tensor> p;
  for (const auto& [key, value] : state_dict(net)) p[key] = value.detach();
  const auto convolution = [&](const std::string& name, const Tensor& x) {
    const auto& weight = p.at(name + ".weight");
    return torch::conv2d(x, weight, p.at(name + ".bias"), 1, weight.size(2) / 2);
  };
  const auto silu = [](const Tensor& x) { return x / (1 + torch::exp(-x)); };
  auto h = convolution("first", images(12, 12).detach());
  for (const std::string level : {"0", "1"}) {
    if (level == "1") {
      const auto even = [](const Tensor& x, int64_t row, int64_t column) {
        return x.slice(2, row, {}, 2).slice(3, column, {}, 2);
      };
      h = (even(h, 0, 0) + even(h, 0, 1) + even(h, 1, 0) + even(h, 1, 1)) / 4;
    }
    for (const std::string i : {"0", "1"}) {
      const auto name = "down_" + level + "_" + i;
      const auto shortcut = p.contains(name + ".skip.weight") ? convolution(name + ".skip", h) : h;
      h = (shortcut + convolution(name + ".conv_1", silu(convolution(name + ".conv_0", silu(h))))) / std::sqrt(2.0);
    }
  }
  const auto expected = torch::mv(silu(h).flatten(1), p.at("last.weight").squeeze(0)) + p.at("last.bias");
  EXPECT_LT(relative_error(net.forward(images(12, 12)).detach(), expected), 1e-5);
}

TEST(DdpmPotential, OurPassesAgreeWithLibTorchAndDifferentiateTwice) {
  DdpmPotentialOptions options{.size = 16, .width = 16, .width_max = 32};
  DdpmPotential fused(options);
  options.fused = false;
  DdpmPotential reference(options);
  load_state_dict(reference, state_dict(fused), "test");
  const auto penalty_gradients = [](DdpmPotential& net) {
    const auto y = images(16, 16);
    const auto slope = torch::autograd::grad({net.forward(y).sum()}, {y}, {}, true, true)[0];
    return torch::autograd::grad({slope.pow(2).sum()}, net.parameters(), {}, {}, false, /*allow_unused=*/true);
  };
  const auto found = penalty_gradients(fused), expected = penalty_gradients(reference);
  int64_t compared = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].defined(), expected[i].defined()) << i;
    if (!found[i].defined()) continue;
    EXPECT_LT(relative_error(found[i], expected[i]), 2e-4) << i;
    ++compared;
  }
  EXPECT_GT(compared, 10);
}

TEST(DdpmPotential, TheNoiseLevelCounts) {
  DdpmPotential net({.size = 8, .width = 4, .width_max = 8, .noise = {.channels = 4}});
  const auto y = images(8, 8).detach();
  const auto low = net.forward(y, torch::tensor({0.1, 0.1})), high = net.forward(y, torch::tensor({2.0, 2.0}));
  EXPECT_GT(relative_error(low, high), 1e-3);
  EXPECT_THAT(message_of([&] { net.forward(y); }), HasSubstr("sigma"));
}

TEST(DdpmPotential, NamesWhatItCannotTake) {
  EXPECT_THAT(message_of([] { DdpmPotential net({.size = 7}); }), HasSubstr("source.size = 7 (allowed: 8..4096)"));
  EXPECT_THAT(message_of([] { DdpmPotential net({.width = 64, .width_max = 32}); }),
              HasSubstr("potential.width_max = 32 (allowed: 64..8192)"));
  DdpmPotential net({.size = {12, 8}, .width = 4});
  EXPECT_THAT(message_of([&] { net.forward(torch::zeros({1, 3, 12, 8})); }), HasSubstr("must be [B, 3, 8, 12]"));
}

}  // namespace
}  // namespace monge::nn
