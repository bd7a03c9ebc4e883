#include "monge/nn/ddpm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::relative_error;
using torch::Tensor;

const DdpmMapOptions kStyled{.in = 3, .out = 3, .noise = 4, .noise_vector = true, .width = 16, .depth = 2};

/// Images of 3 channels with 4 channels of noise; each channel of noise has one value, drawn from `noise`.
Tensor styled_input(int64_t height, int64_t width, int64_t noise) {
  const RandomStreams streams(3);
  const auto image = torch::randn({2, 3, height, width}, streams.at("image", 0));
  const auto z = torch::randn({2, 4, 1, 1}, streams.at("noise", noise)).expand({2, 4, height, width});
  return torch::cat({image, z}, 1).contiguous(torch::MemoryFormat::ChannelsLast);
}

TEST(DdpmMap, TakesImagesOfAnySize) {
  DdpmMap map(kStyled);
  for (const auto& [height, width] : {std::pair(16, 16), std::pair(9, 14), std::pair(5, 3), std::pair(1, 1)}) {
    const auto out = map.forward(styled_input(height, width, 0));
    EXPECT_EQ(out.sizes(), (std::vector<int64_t>{2, 3, height, width}));
    EXPECT_TRUE(out.isfinite().all().item<bool>()) << height << " x " << width;
  }
}

TEST(DdpmMap, StartsAsTheIdentityIfAsked) {
  auto options = kStyled;
  options.residual = options.zero_last = true;
  const auto input = styled_input(8, 8, 0);
  EXPECT_TRUE(torch::equal(DdpmMap(options).forward(input), input.narrow(1, 0, 3)));
}

TEST(DdpmMap, ANoiseVectorChangesTheOutputThroughTheStyleAlone) {
  DdpmMap map(kStyled);
  const auto one = map.forward(styled_input(16, 16, 0)), other = map.forward(styled_input(16, 16, 1));
  EXPECT_GT(relative_error(one, other), 0.01);
  // Only the first pixel of the noise counts.
  auto input = styled_input(16, 16, 0).clone();
  input.narrow(1, 3, 4).narrow(2, 1, 15).fill_(9);
  EXPECT_TRUE(torch::equal(map.forward(input), one));
}

TEST(DdpmMap, NoisePixelsAreConcatenated) {
  auto options = kStyled;
  options.noise_vector = false;
  DdpmMap map(options);
  auto input = styled_input(16, 16, 0).clone();
  const auto before = map.forward(input);
  input.narrow(1, 3, 4).narrow(2, 8, 8).fill_(9);
  EXPECT_GT(relative_error(map.forward(input), before), 0.01);
}

TEST(DdpmMap, OurPassesAgreeWithLibTorch) {
  auto options = kStyled;
  DdpmMap fused(options);
  options.fused = false;
  DdpmMap reference(options);
  load_state_dict(reference, state_dict(fused), "test");
  const auto input = styled_input(17, 12, 0);
  const auto top = torch::randn({2, 3, 17, 12}, RandomStreams(5).at("top", 0));
  const auto gradients = [&](DdpmMap& map) {
    const auto y = map.forward(input);
    auto out = torch::autograd::grad({y}, map.parameters(), {top});
    out.push_back(y);
    return out;
  };
  const auto found = gradients(fused), expected = gradients(reference);
  for (size_t i = 0; i < found.size(); ++i) {
    const double scale = expected[i].abs().max().item<double>() + 1e-3;  // some biases have no gradient but rounding
    EXPECT_LT((found[i] - expected[i]).abs().max().item<double>() / scale, 2e-4) << i;
  }
}

TEST(DdpmMap, NamesWhatItCannotTake) {
  DdpmMap map(kStyled);
  EXPECT_THAT(message_of([&] { map.forward(torch::zeros({1, 3, 8, 8})); }), HasSubstr("[B, 7, H, W]"));
  auto options = kStyled;
  options.depth = 7;
  EXPECT_THAT(message_of([&] { DdpmMap deep(options); }), HasSubstr("depth = 7 (allowed: 1..6)"));
}

}  // namespace
}  // namespace monge::nn
