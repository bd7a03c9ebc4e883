#include "monge/nn/noise_embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

TEST(NoiseEmbedding, IsCosinesThenSinesOfGeometricFrequencies) {
  const double sigma = 3.2;
  NoiseEmbedding embedding({.channels = 16});
  const auto e = embedding.forward(torch::tensor({sigma}, torch::kFloat64));
  for (int j = 0; j < 8; ++j) {
    const double angle = sigma * std::exp(-j / 8.0 * std::log(1e4));
    EXPECT_NEAR(e[0][j].item<double>(), std::cos(angle), 1e-6);  // the frequencies are float32
    EXPECT_NEAR(e[0][8 + j].item<double>(), std::sin(angle), 1e-6);
  }
}

TEST(NoiseEmbedding, OfTheLogarithmTellsSmallLevelsApart) {
  const auto levels = torch::tensor({0.01, 0.1}, torch::kFloat64);
  const auto distance = [&](const std::string& input) {
    const auto e = NoiseEmbedding({.channels = 16, .input = input}).forward(levels);
    return (e[0] - e[1]).norm().item<double>();
  };
  EXPECT_LT(distance("sigma"), 0.1);
  EXPECT_GT(distance("log"), 1);
  EXPECT_GT(distance("fourier"), 1);

  const auto e = NoiseEmbedding({.channels = 4, .input = "log"}).forward(levels);
  EXPECT_NEAR(e[0][0].item<double>(), std::cos(1000 * std::log(0.01) / 4), 1e-12);
  EXPECT_NEAR(e[0][3].item<double>(), std::sin(10 * std::log(0.01) / 4), 1e-5);
}

TEST(NoiseEmbedding, KeepsItsFourierFrequenciesInTheState) {
  const NoiseEmbedding a({.channels = 8, .input = "fourier", .fourier_scale = 2}),
      b({.channels = 8, .input = "fourier"});
  EXPECT_TRUE(torch::allclose(2 * a.named_buffers()["frequencies"], b.named_buffers()["frequencies"]));
  EXPECT_EQ(NoiseEmbedding({.channels = 8}).named_buffers().size(), 0);
}

TEST(NoiseEmbedding, FollowsTheColoursAndScalesThem) {
  NoiseEmbedding embedding({.channels = 2, .scale_input = true, .sigma_data = 0.6});
  const auto y = torch::randn({2, 3, 4, 5});
  const auto sigma = torch::tensor({0.8f, 0.1f});
  const auto out = embedding.attach(y, sigma);
  ASSERT_EQ(out.sizes(), (std::vector<int64_t>{2, 5, 4, 5}));
  EXPECT_TRUE(torch::allclose(out[0].narrow(0, 0, 3), y[0]));  // 0.6^2 + 0.8^2 = 1
  EXPECT_TRUE(torch::allclose(out[1].narrow(0, 0, 3), y[1] / std::sqrt(0.37)));
  EXPECT_NEAR(out[1][3][2][1].item<double>(), std::cos(0.1), 1e-6);
  EXPECT_EQ(embedding.attach(torch::randn({2, 7}), sigma).sizes(), (std::vector<int64_t>{2, 9}));
}

TEST(NoiseEmbedding, RefusesBadOptions) {
  EXPECT_THAT(message_of([] { NoiseEmbedding({.channels = 5}); }),
              HasSubstr("noised.embedding_channels = 5 (allowed: an even number from 2"));
  EXPECT_THAT(message_of([] { NoiseEmbedding({.channels = 4, .input = "lag"}); }), HasSubstr("did you mean \"log\""));
  EXPECT_THAT(message_of([] { NoiseEmbedding({.channels = 4, .fourier_scale = 0}); }), HasSubstr("fourier_scale = 0"));
  EXPECT_THAT(message_of([] { NoiseEmbedding({.channels = 4, .sigma_data = -1}); }),
              HasSubstr("noised.sigma_data = -1"));
}

}  // namespace
}  // namespace monge::nn
