#include "monge/nn/infer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Infer, ReadsAUNet) {
  for (const std::string norm : {"batch", "group"}) {
    for (int64_t depth = 1; depth <= 4; ++depth) {
      UNet net({.in = 5, .out = 2, .base = 3, .depth = depth, .norm = norm});
      net.eval();
      const auto options = std::get<UNetOptions>(infer_architecture(state_dict(net), "x.pt"));
      EXPECT_EQ(options.in, 5);
      EXPECT_EQ(options.out, 2);
      EXPECT_EQ(options.base, 3);
      EXPECT_EQ(options.depth, depth);
      EXPECT_EQ(options.norm, norm);
      const auto x = torch::randn({1, 5, 16, 16});
      EXPECT_TRUE(torch::equal(map_from_state(state_dict(net), "x.pt")->forward(x), net.forward(x)));
    }
  }
}

TEST(Infer, ReadsAPotentialOfEverySize) {
  for (const int64_t size : {8, 9, 15, 16, 17, 31, 33, 40, 63}) {
    for (const int64_t most : {4, 6, 1024}) {
      for (const int64_t sigma_channels : {0, 16}) {
        ResNetPotential net(
            {.size = size, .nc = 1, .nfilter = 4, .nfilter_max = most, .noise = {.channels = sigma_channels}});
        const auto y = torch::randn({2, 1, size, size});
        const auto sigma = sigma_channels ? torch::tensor({0.1f, 1.0f}) : torch::Tensor();
        const auto copy = potential_from_state(state_dict(net), "f.pt");
        ASSERT_TRUE(torch::equal(copy->forward(y, sigma), net.forward(y, sigma))) << size << " " << most;
      }
    }
  }
}

TEST(Infer, SeesThroughAWrapper) {
  auto state = state_dict(UNet({.base = 2}));
  for (auto& [key, tensor] : state) key = "module." + key;
  EXPECT_EQ(std::get<UNetOptions>(infer_architecture(state, "x.pt")).base, 2);
  state[0].first = "inc.double_conv.0.weight";  // not everywhere: not a wrapper
  EXPECT_THAT(message_of([&] { map_from_state(state, "x.pt"); }), HasSubstr("no known network"));
}

TEST(Infer, NamesWhatItFoundAndWhatIsKnown) {
  const NamedTensors state = {{"a", torch::zeros(1)}, {"b", torch::zeros(1)}};
  EXPECT_THAT(message_of([&] { infer_architecture(state, "x.pt"); }),
              AllOf(HasSubstr("x.pt"), HasSubstr("\"a\", \"b\""), HasSubstr("U-net"), HasSubstr("ResNet potential")));
  EXPECT_THAT(message_of([] { infer_architecture({}, "x.pt"); }), HasSubstr("no tensors"));
  EXPECT_THAT(message_of([] { potential_from_state(state_dict(UNet({.base = 1})), "x.pt"); }),
              AllOf(HasSubstr("the state of a map"), HasSubstr("a potential is needed")));
}

TEST(Infer, BuildsNoNetFromShapesWithoutValues) {
  auto unet = state_dict(UNet({.base = 2}));
  for (auto& [key, tensor] : unet) {
    if (key == "inc.double_conv.0.weight") tensor = torch::zeros({1}).expand({1024, 3, 3, 3});
  }
  EXPECT_THAT(message_of([&] { map_from_state(unet, "x.pt"); }), HasSubstr("must be a dense tensor of 4 dimensions"));

  for (auto& [key, tensor] : unet) {
    if (key == "inc.double_conv.0.weight") tensor = torch::zeros({1024, 3, 3, 3});
  }
  EXPECT_THAT(message_of([&] { map_from_state(unet, "x.pt"); }),
              HasSubstr("the other shapes require [8192, 8192, 3, 3]"));

  auto potential = state_dict(ResNetPotential({.size = 16, .nfilter = 2, .nfilter_max = 4}));
  for (auto& [key, tensor] : potential) {
    if (key == "fc.weight") tensor = torch::zeros({1, 4 * 30});
  }
  EXPECT_THAT(message_of([&] { potential_from_state(potential, "x.pt"); }), HasSubstr("not a square of 4..8 pixels"));
  for (auto& [key, tensor] : potential) {
    if (key == "conv_img.weight") tensor = torch::zeros({2, 9, 3, 3});
  }
  EXPECT_THAT(message_of([&] { potential_from_state(potential, "x.pt"); }),
              HasSubstr("conv_img.weight has 9 input channels"));
}

TEST(Infer, RefusesAStateWithAHole) {
  auto state = state_dict(UNet({.base = 2}));
  state.erase(state.begin() + 20);
  EXPECT_THAT(message_of([&] { map_from_state(state, "x.pt"); }), HasSubstr("1 missing (down1."));
}

}  // namespace
}  // namespace monge::nn
