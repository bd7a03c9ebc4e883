#include "monge/nn/mlp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>

#include "monge/nn/activation.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(MlpMap, HasTheKeysOfASequential) {
  const MlpMap net({.in = 3, .out = 2, .mlp = {.hidden = {16, 16}, .activation = "relu"}});
  std::vector<std::string> keys;
  for (const auto& [key, tensor] : state_dict(net)) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"}));
}

TEST(MlpMap, AgreesWithItsFormula) {
  const std::map<std::string, std::function<double(double)>> formulas = {
      {"relu", [](double t) { return std::max(t, 0.0); }},
      {"silu", [](double t) { return t / (1 + std::exp(-t)); }},
      {"elu", [](double t) { return t > 0 ? t : std::expm1(t); }},
      {"leaky_relu", [](double t) { return t > 0 ? t : 0.2 * t; }},
      {"softplus", [](double t) { return std::log1p(std::exp(t)); }},
      {"tanh", [](double t) { return std::tanh(t); }}};
  for (const auto& name : activation_names()) {
    MlpMap net({.in = 1, .out = 1, .mlp = {.hidden = {1}, .activation = name}, .residual = true});
    to_type(net, torch::kFloat64);
    const auto w = net.parameters();
    for (const double x : {-1.5, 0.7}) {
      const double hidden = formulas.at(name)(w[0].item<double>() * x + w[1].item<double>());
      const double expected = x + w[2].item<double>() * hidden + w[3].item<double>();
      EXPECT_NEAR(net.forward(torch::full({1, 1}, x, torch::kFloat64)).item<double>(), expected, 1e-14) << name;
    }
  }
}

TEST(MlpMap, StartsAsTheIdentityOnRequest) {
  MlpMap net({.in = 4, .out = 3, .mlp = {.zero_last = true}, .residual = true});
  const auto x = torch::randn({5, 4});
  EXPECT_TRUE(torch::equal(net.forward(x), x.narrow(1, 0, 3)));
}

TEST(MlpPotential, AddsItsQuadraticPart) {
  MlpPotential net({.dim = 2, .mlp = {.zero_last = true}, .quadratic = true});
  const auto y = torch::tensor({{1.0f, 2.0f}});
  EXPECT_EQ(net.forward(y).item<float>(), 0);
  const at::NoGradGuard no_grad;
  auto named = net.named_parameters();
  named["quadratic.A"].copy_(torch::tensor({{1.0f, 2.0f}, {3.0f, 4.0f}}));
  named["quadratic.b"].copy_(torch::tensor({5.0f, 6.0f}));
  EXPECT_FLOAT_EQ(net.forward(y).item<float>(), 1 + 4 + 6 + 16 + 5 + 12);
}

TEST(MlpPotential, IsConditionalOnRequest) {
  MlpPotential net({.dim = 2, .noise = {.channels = 8, .input = "log"}});
  EXPECT_TRUE(net.conditional());
  const auto y = torch::zeros({2, 2});
  const auto f = net.forward(y, torch::tensor({0.1f, 1.0f}));
  ASSERT_EQ(f.sizes(), std::vector<int64_t>{2});
  EXPECT_NE(f[0].item<float>(), f[1].item<float>());
  EXPECT_THAT(message_of([&] { net.forward(y); }), HasSubstr("needs a noise level"));
}

TEST(Mlp, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of([] { MlpMap({.mlp = {.activation = "relo"}}); }),
              AllOf(HasSubstr("unknown activation"), HasSubstr("did you mean \"relu\"")));
  EXPECT_THAT(message_of([] { MlpMap({.mlp = {.hidden = {0}}}); }), HasSubstr("hidden = 0 (allowed: 1..65536)"));
  EXPECT_THAT(message_of([] { MlpMap({.in = 1, .residual = true}); }), HasSubstr("residual = false"));
  EXPECT_THAT(message_of([] { MlpPotential({.dim = -3}); }), HasSubstr("dim = -3"));
  MlpMap net({});
  EXPECT_THAT(message_of([&] { net.forward(torch::zeros({4, 3})); }), AllOf(HasSubstr("[B, 2]"), HasSubstr("[4, 3]")));
}

}  // namespace
}  // namespace monge::nn
