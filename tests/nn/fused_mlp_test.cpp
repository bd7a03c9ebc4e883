#include "monge/nn/fused_mlp.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include <cmath>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::relative_error;

/// A chain with leaves that require gradients.
Chain chain_of(std::vector<int64_t> widths, Activation activation) {
  Chain chain{.weights = {}, .biases = {}, .activation = activation};
  const RandomStreams streams(7);
  for (size_t l = 0; l + 1 < widths.size(); ++l) {
    const double scale = 1 / std::sqrt(static_cast<double>(widths[l]));
    chain.weights.push_back(
        (torch::randn({widths[l + 1], widths[l]}, streams.at("weight", static_cast<int64_t>(l))) * scale)
            .requires_grad_(true));
    chain.biases.push_back(
        (torch::randn({widths[l + 1]}, streams.at("bias", static_cast<int64_t>(l))) * 0.3).requires_grad_(true));
  }
  return chain;
}

std::vector<torch::Tensor> leaves(const Chain& chain, const torch::Tensor& x) {
  std::vector<torch::Tensor> out{x};
  out.insert(out.end(), chain.weights.begin(), chain.weights.end());
  out.insert(out.end(), chain.biases.begin(), chain.biases.end());
  return out;
}

torch::Tensor batch(int64_t rows, int64_t width) {
  return torch::randn({rows, width}, RandomStreams(8).at("x", 0)).requires_grad_(true);
}

class FusedChain : public ::testing::TestWithParam<std::string> {};

TEST_P(FusedChain, HasTheValuesAndGradientsOfAutograd) {
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    for (const auto& widths : {std::vector<int64_t>{2, 33, 17, 5, 3}, {16, 128, 1}, {4, 2}}) {
      const auto chain = chain_of(widths, activation_named(GetParam()));
      const auto x = batch(101, widths.front());
      const auto reference = reference_chain(x, chain), fused = fused_chain(x, chain);
      EXPECT_LT(relative_error(fused, reference), 1e-6);
      const auto top = torch::randn(reference.sizes(), RandomStreams(9).at("top", 0));
      const auto expected = torch::autograd::grad({reference}, leaves(chain, x), {top});
      const auto found = torch::autograd::grad({fused}, leaves(chain, x), {top});
      for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_LT(relative_error(found[i], expected[i]), 1e-5) << "leaf " << i << ", " << threads << " threads";
    }
  }
  at::set_num_threads(1);
}

// Rows that do not divide evenly: a thread without rows must not contribute to the sums.
TEST_P(FusedChain, AddsWhatEachThreadFound) {
  for (const auto& [threads, rows] : {std::pair{3, 4}, {5, 8}, {6, 8}, {12, 16}, {14, 128}, {3, 1}, {4, 2}}) {
    at::set_num_threads(threads);
    const auto chain = chain_of({2, 33, 17, 5, 3}, activation_named(GetParam()));
    const auto x = batch(rows, 2);
    const auto expected = torch::autograd::grad({reference_chain(x, chain).square().sum()}, leaves(chain, x));
    const auto found = torch::autograd::grad({fused_chain(x, chain).square().sum()}, leaves(chain, x));
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_LT(relative_error(found[i], expected[i]), 1e-5) << "leaf " << i << ", " << threads << " threads, " << rows;
  }
  at::set_num_threads(1);
}

TEST_P(FusedChain, KeepsWhatIsNotANumber) {
  auto x = torch::randn({3, 4}, RandomStreams(8).at("x", 0));
  x.index_put_({1, 2}, NAN);
  const auto y = fused_chain(x, chain_of({4, 20, 2}, activation_named(GetParam()))).detach();
  EXPECT_TRUE(y[1].isnan().all().item<bool>()) << y;
  EXPECT_TRUE(y[0].isfinite().all().item<bool>());
}

TEST(FusedChains, GiveTheOthersTheirGradientsWhenOneLayerIsFrozen) {
  auto chain = chain_of({3, 20, 2}, Activation::silu);
  chain.weights[0].requires_grad_(false);
  const auto x = batch(5, 3);
  const auto expected = torch::autograd::grad({reference_chain(x, chain).sum()}, {chain.weights[1], chain.biases[0]});
  const auto found = torch::autograd::grad({fused_chain(x, chain).sum()}, {chain.weights[1], chain.biases[0]});
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_LT(relative_error(found[i], expected[i]), 1e-5) << i;
}

TEST_P(FusedChain, CanBeDifferentiatedTwice) {
  const auto chain = chain_of({3, 12, 9, 1}, activation_named(GetParam()));
  const auto penalty = [&](auto&& net) {
    const auto x = batch(20, 3);
    const auto slope =
        torch::autograd::grad({net(x, chain).sum()}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true)[0];
    return torch::autograd::grad({slope.square().sum()}, {chain.weights[0], chain.weights[1], chain.biases[0]});
  };
  const auto expected = penalty(reference_chain), found = penalty(fused_chain);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_LT(relative_error(found[i], expected[i]), 1e-4) << i;
}

INSTANTIATE_TEST_SUITE_P(Activations, FusedChain, ::testing::ValuesIn(activation_names()),
                         [](const auto& info) { return info.param; });

TEST(FusedChains, ComputeNothingThatNobodyAskedFor) {
  auto chain = chain_of({3, 8, 2}, Activation::silu);
  const auto x = batch(5, 3);
  for (auto& weight : chain.weights) weight.requires_grad_(false);
  for (auto& bias : chain.biases) bias.requires_grad_(false);
  fused_chain(x, chain).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(chain.weights[0].grad().defined());
  const auto plain_x = x.detach();
  EXPECT_FALSE(fused_chain(plain_x, chain).requires_grad());
}

TEST(FusedChains, TakeWhatIsNotFloatByTheOtherWay) {
  auto chain = chain_of({3, 8, 2}, Activation::tanh);
  for (auto& weight : chain.weights) weight = weight.detach().to(torch::kFloat64);
  for (auto& bias : chain.biases) bias = bias.detach().to(torch::kFloat64);
  const auto x = batch(5, 3).detach().to(torch::kFloat64);
  EXPECT_TRUE(torch::equal(fused_chain(x, chain), reference_chain(x, chain)));
  EXPECT_EQ(fused_chain(torch::empty({0, 3}, torch::kFloat64), chain).size(0), 0);
}

TEST(FusedChains, AreTheSameEveryTime) {
  at::set_num_threads(3);
  const auto chain = chain_of({4, 40, 30, 1}, Activation::elu);
  const auto x = batch(301, 4);
  const auto gradients = [&] {
    return torch::autograd::grad({fused_chain(x, chain).square().sum()}, leaves(chain, x));
  };
  const auto once = gradients();
  for (int again = 0; again < 20; ++again) {
    const auto twice = gradients();
    for (size_t i = 0; i < once.size(); ++i) ASSERT_TRUE(torch::equal(once[i], twice[i])) << i;
  }
  at::set_num_threads(1);
}

TEST(FusedChains, GiveAPotentialsGradientWithoutItsWeights) {
  for (const auto& name : activation_names()) {
    auto chain = chain_of({5, 70, 33, 1}, activation_named(name));
    for (auto& weight : chain.weights) weight.requires_grad_(false);
    for (auto& bias : chain.biases) bias.requires_grad_(false);
    const auto x = batch(333, 5), top = torch::randn({333, 1}, RandomStreams(3).at("top", 0));
    const auto reference = reference_chain(x, chain), fused = fused_chain(x, chain);
    EXPECT_LT(relative_error(fused, reference), 1e-6) << name;
    EXPECT_LT(relative_error(torch::autograd::grad({fused}, {x}, {top})[0],
                             torch::autograd::grad({reference}, {x}, {top})[0]),
              1e-5)
        << name;
    const auto twice = [&](auto&& net) {
      const auto at = batch(20, 5);
      const auto slope = torch::autograd::grad({net(at, chain).sum()}, {at}, {}, true, /*create_graph=*/true)[0];
      return slope.requires_grad()
                 ? torch::autograd::grad({slope.pow(3).sum()}, {at}, {}, {}, false, /*allow_unused=*/true)[0]
                 : torch::Tensor();
    };
    const auto expected = twice(reference_chain), found = twice(fused_chain);
    ASSERT_EQ(expected.defined(), found.defined()) << name;
    if (expected.defined()) {
      EXPECT_LT(relative_error(found, expected), 1e-4) << name;
    }
  }
}

// The vector code against libm at the limits of float.
TEST(ActivationPass, IsExactInTheTails) {
  for (const auto& name : activation_names()) {
    const auto x =
        torch::tensor({-200.0F, -90.0F, -88.0F, -20.0F, -1e-3F, 0.0F, 1e-3F, 5.0F, 20.0F, 88.0F, 200.0F, -7.5F, 3.3F})
            .unsqueeze(0);
    auto h = x.clone(), slope = torch::empty_like(x);
    const auto bias = torch::zeros({x.size(1)});
    add_bias_and_activate(activation_named(name), h.data_ptr<float>(), slope.data_ptr<float>(), bias.data_ptr<float>(),
                          1, x.size(1), x.size(1));
    const auto wide = x.to(torch::kFloat64).requires_grad_(true);
    const auto expected = activate(activation_named(name), wide);
    const auto expected_slope = torch::autograd::grad({expected.sum()}, {wide})[0];
    EXPECT_LT((h - expected).abs().div(expected.abs() + 1).max().item<double>(), 5e-7) << name << " " << h << expected;
    auto apart = (slope - expected_slope).abs();
    apart.index_put_({0, 5}, 0);  // at 0 the one-sided slopes of relu may be either
    EXPECT_LT(apart.max().item<double>(), 2e-6) << name;
  }
}

}  // namespace
}  // namespace monge::nn
