#include "monge/nn/fused_gradient.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/nn/activation_curvature.h"
#include "monge/nn/gemm_matrix_units.h"
#include "monge/nn/gradient_map.h"
#include "monge/nn/icnn.h"
#include "monge/nn/mlp.h"
#include "monge/nn/product_scope.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::relative_error;

/// A chain to one number, with leaves that require gradients.
Chain scalar_chain(std::vector<int64_t> widths, Activation activation, torch::ScalarType type = torch::kFloat32) {
  Chain chain{.weights = {}, .biases = {}, .activation = activation};
  const RandomStreams streams(7);
  for (size_t l = 0; l + 1 < widths.size(); ++l) {
    const double scale = 1 / std::sqrt(static_cast<double>(widths[l]));
    const auto at = static_cast<int64_t>(l);
    chain.weights.push_back(
        (torch::randn({widths[l + 1], widths[l]}, streams.at("weight", at)) * scale).to(type).requires_grad_(true));
    chain.biases.push_back((torch::randn({widths[l + 1]}, streams.at("bias", at)) * 0.3).to(type).requires_grad_(true));
  }
  return chain;
}

std::vector<torch::Tensor> parameters(const Chain& chain) {
  auto out = chain.weights;
  out.insert(out.end(), chain.biases.begin(), chain.biases.end());
  return out;
}

torch::Tensor points(int64_t rows, int64_t width, torch::ScalarType type = torch::kFloat32) {
  return torch::randn({rows, width}, RandomStreams(8).at("x", 0)).to(type);
}

/// The derivatives of <w, value> + <V, gradient> in `leaves`; undefined ones as zeros.
std::vector<torch::Tensor> derivatives(const ValueAndGradient& outputs, const torch::Tensor& w, const torch::Tensor& v,
                                       const std::vector<torch::Tensor>& leaves) {
  std::vector<torch::Tensor> from, tops;
  if (w.defined()) from.push_back(outputs.value_B), tops.push_back(w);
  if (v.defined()) from.push_back(outputs.gradient_BD), tops.push_back(v);
  auto out = torch::autograd::grad(from, leaves, tops, /*retain_graph=*/true, /*create_graph=*/false,
                                   /*allow_unused=*/true);
  for (size_t i = 0; i < out.size(); ++i) {
    if (!out[i].defined()) out[i] = torch::zeros_like(leaves[i]);
  }
  return out;
}

class FusedValueAndGradient : public ::testing::TestWithParam<std::string> {};

// The oracle is autograd on the values alone.
TEST_P(FusedValueAndGradient, ReferenceIsTheGradientOfAutograd) {
  const auto chain = scalar_chain({5, 20, 11, 1}, activation_named(GetParam()), torch::kFloat64);
  const auto x = points(17, 5, torch::kFloat64).requires_grad_(true);
  const auto value = reference_chain(x, chain).squeeze(1);
  const auto expected = torch::autograd::grad({value.sum()}, {x}, {}, true, true)[0];
  const auto found = reference_value_and_gradient(x, chain);
  EXPECT_LT(relative_error(found.value_B, value), 1e-14);
  EXPECT_LT(relative_error(found.gradient_BD, expected), 1e-13);
  // And its derivative in the weights and in x.
  auto leaves = parameters(chain);
  leaves.pop_back();
  leaves.push_back(x);
  const auto v = points(17, 5, torch::kFloat64).flip(0);
  const auto twice = torch::autograd::grad({expected}, leaves, {v}, true, false, true);
  const auto mine = derivatives(found, {}, v, leaves);
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!twice[i].defined()) {
      EXPECT_EQ(mine[i].abs().max().item<double>(), 0) << "leaf " << i;
    } else {
      EXPECT_LT(relative_error(mine[i], twice[i]), 1e-12) << "leaf " << i;
    }
  }
}

TEST_P(FusedValueAndGradient, HasTheValuesAndDerivativesOfTheReference) {
  for (const int threads : {1, 3}) {
    at::set_num_threads(threads);
    for (const auto& widths : {std::vector<int64_t>{2, 33, 17, 5, 1}, {16, 128, 128, 1}, {4, 20, 1}, {3, 1}}) {
      const auto chain = scalar_chain(widths, activation_named(GetParam()));
      const auto x = points(131, widths.front());
      const auto reference = reference_value_and_gradient(x, chain), fused = fused_value_and_gradient(x, chain);
      EXPECT_LT(relative_error(fused.value_B, reference.value_B), 1e-6);
      EXPECT_LT(relative_error(fused.gradient_BD, reference.gradient_BD), 1e-5);
      const auto w = torch::randn({131}, RandomStreams(9).at("w", 0));
      const auto v = torch::randn(x.sizes(), RandomStreams(9).at("v", 0));
      for (const auto& [top_w, top_v] : {std::pair{w, v}, {w, torch::Tensor()}, {torch::Tensor(), v}}) {
        const auto expected = derivatives(reference, top_w, top_v, parameters(chain));
        const auto found = derivatives(fused, top_w, top_v, parameters(chain));
        for (size_t i = 0; i < expected.size(); ++i) {
          EXPECT_LT((found[i] - expected[i]).abs().max().item<double>(),
                    2e-5 * std::max(1.0, expected[i].abs().max().item<double>()))
              << "leaf " << i << ", " << threads << " threads, " << widths.size() << " layers";
        }
      }
    }
  }
  at::set_num_threads(1);
}

TEST_P(FusedValueAndGradient, GivesTheDerivativeInTheInput) {
  const auto chain = scalar_chain({4, 20, 9, 1}, activation_named(GetParam()));
  const auto x = points(13, 4).requires_grad_(true);
  const auto w = torch::randn({13}, RandomStreams(9).at("w", 0)),
             v = torch::randn({13, 4}, RandomStreams(9).at("v", 0));
  for (const auto& top_v : {v, torch::Tensor()}) {
    const auto expected = derivatives(reference_value_and_gradient(x, chain), w, top_v, {x});
    const auto found = derivatives(fused_value_and_gradient(x, chain), w, top_v, {x});
    EXPECT_LT(relative_error(found[0], expected[0]), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Activations, FusedValueAndGradient, ::testing::ValuesIn(activation_names()));

TEST(GradientMap, RunsWhereNoGraphCanBeRecorded) {
  const auto net = std::make_shared<MlpPotential>(
      MlpPotentialOptions{.dim = 3, .mlp = {.hidden = {16, 16}, .activation = "elu"}, .quadratic = true});
  GradientMap map(net, 0.5);
  const auto x = points(300, 3);
  const auto trained = map.forward(x).detach();
  const c10::InferenceMode inference;
  EXPECT_LT(relative_error(map.forward(x), trained), 1e-6);
}

// T(x) = x - grad g / (2 tau) with g = y'Ay + b'y: a linear map that can be written down.
TEST(GradientMap, OfAQuadraticFormIsLinear) {
  const auto net = std::make_shared<MlpPotential>(
      MlpPotentialOptions{.dim = 2, .mlp = {.hidden = {8}, .zero_last = true}, .quadratic = true});
  {
    const torch::NoGradGuard no_grad;
    net->named_parameters()["quadratic.A"].copy_(torch::tensor({{1.0F, 2.0F}, {0.0F, 3.0F}}));
    net->named_parameters()["quadratic.b"].copy_(torch::tensor({0.5F, -1.0F}));
  }
  GradientMap map(net, 2.0);
  const auto y = map.forward(torch::tensor({{1.0F, -1.0F}}));
  // grad = (A + A')x + b = (2 - 2 + 0.5, 2 - 6 - 1) = (0.5, -5); x - grad / 4
  EXPECT_TRUE(torch::allclose(y, torch::tensor({{0.875F, 0.25F}}))) << y;
}

TEST(Icnn, GradientMapIsMonotone) {
  torch::manual_seed(3);
  GradientMap map(std::make_shared<IcnnPotential>(IcnnOptions{.dim = 4, .hidden = {32, 16}, .tau = 0.25}), 0.25);
  const auto a = points(500, 4) * 3, b = a.flip(0);
  const auto slope = ((map.forward(a) - map.forward(b)) * (a - b)).sum(1);
  EXPECT_GT(slope.min().item<double>(), -1e-5);
}

TEST(Icnn, GradientIsThatOfItsValue) {
  torch::manual_seed(4);
  IcnnPotential net({.dim = 3, .hidden = {12, 7, 5}, .tau = 0.3});
  net.to(torch::kFloat64);
  const auto x = points(9, 3, torch::kFloat64).requires_grad_(true);
  const auto found = net.value_and_gradient(x);
  const auto expected = torch::autograd::grad({found.value_B.sum()}, {x}, {}, true)[0];
  EXPECT_LT(relative_error(found.gradient_BD, expected), 1e-12);
}

TEST(GradientMap, NeedsAPotentialWithAGradient) {
  struct Bare : PotentialNet {
    torch::Tensor forward(const torch::Tensor& y, const torch::Tensor&) override { return y.sum(1); }
  };
  EXPECT_THAT(testing::message_of([] { GradientMap(std::make_shared<Bare>(), 0.5); }),
              ::testing::HasSubstr("an mlp or an icnn"));
}

// The products of the backward pass are those of the forward pass, also outside the scope.
TEST(ProductScope, ReachesValuesGradientsAndDerivatives) {
  const auto chain = scalar_chain({40, 96, 64, 1}, Activation::elu);
  const auto wide = scalar_chain({40, 96, 64, 1}, Activation::silu);
  const auto x = points(70, 40), w = points(70, 1).squeeze(1), v = points(70, 40);
  const auto found = [&](gemm::ProductPrecision products, bool derive_inside) {
    ValueAndGradient outputs;
    torch::Tensor plain;
    std::vector<torch::Tensor> all;
    const auto derive = [&] {
      all = derivatives(outputs, w, v, parameters(chain));
      for (const auto& each : torch::autograd::grad({(plain.squeeze(1) * w).sum()}, parameters(wide)))
        all.push_back(each);
    };
    {
      const ProductScope scope(products);
      outputs = fused_value_and_gradient(x, chain);
      plain = fused_chain(x, wide);
      if (derive_inside) derive();
    }
    EXPECT_EQ(current_products(), gemm::ProductPrecision::fp32);
    if (!derive_inside) derive();
    for (const auto& each : {outputs.value_B, outputs.gradient_BD, plain}) all.push_back(each);
    return all;
  };
  const auto fp32 = found(gemm::ProductPrecision::fp32, true), six = found(gemm::ProductPrecision::bf16x6, true),
             three = found(gemm::ProductPrecision::bf16x3, true),
             outside = found(gemm::ProductPrecision::bf16x3, false);
  for (size_t i = 0; i < fp32.size(); ++i) {
    EXPECT_LT(relative_error(six[i], fp32[i]), 1e-5) << i;
    EXPECT_LT(relative_error(three[i], fp32[i]), 1e-3) << i;
    EXPECT_TRUE(torch::equal(three[i], outside[i])) << i;
  }
  if (gemm::has_matrix_units()) {
    EXPECT_FALSE(torch::equal(three.back(), six.back()));
  }
}

/// h of the sum of act'(z) and of act''(z) by autograd, at z.
std::pair<torch::Tensor, torch::Tensor> curves_by_autograd(Activation kind, const torch::Tensor& z) {
  const auto leaf = z.to(torch::kFloat64).requires_grad_(true);
  const auto slope = torch::autograd::grad({activate(kind, leaf).sum()}, {leaf}, {}, true, true)[0];
  if (!slope.requires_grad()) return {slope, torch::zeros_like(slope)};
  const auto curvature = torch::autograd::grad({slope.sum()}, {leaf}, {}, false, false, true)[0];
  return {slope.detach(), curvature.defined() ? curvature : torch::zeros_like(slope)};
}

// But for the kink at zero. Also far from it, where elu and tanh find their slopes from values near their limits.
TEST_P(FusedValueAndGradient, PassesThroughTheActivationAreThoseOfAutograd) {
  const auto kind = activation_named(GetParam());
  const auto z = torch::cat({torch::linspace(-90, 90, 60), torch::linspace(-3.01, 3, 80)}).unsqueeze(0);
  const int64_t width = z.size(1);
  const auto [slope, curvature] = curves_by_autograd(kind, z);
  const auto bias = torch::zeros({width}), u = points(1, width), t = points(1, width), c = points(1, width);
  auto value = z.clone(), stored_slope = torch::empty_like(z), stored_curvature = torch::empty_like(z), d = u.clone(),
       tangent = t.clone(), term = torch::empty_like(z), adjoint = c.clone(), sums = torch::ones({width});
  const auto at = [](torch::Tensor& tensor) { return tensor.data_ptr<float>(); };
  ActivationRecord record{.value = at(value)};
  if (!slope_from_value(kind)) {
    record.slope = at(stored_slope);
    record.curvature = at(stored_curvature);
  }
  activate_with_curvature(kind, record, bias.data_ptr<float>(), 1, width, width);
  gradient_through_activation(kind, record, at(d), 1, width, width);
  tangent_through_activation(kind, record, at(d), at(tangent), at(term), 1, width, width);
  adjoint_through_activation(kind, record, at(adjoint), at(term), at(sums), 1, width, width);
  const auto expect_near = [&](const torch::Tensor& found, const torch::Tensor& expected, const char* what) {
    EXPECT_LT((found - expected).abs().max().item<double>(), 5e-6) << what;
  };
  expect_near(value, activate(kind, z.to(torch::kFloat64)), "value");
  expect_near(d, u * slope, "gradient");
  expect_near(tangent, t * slope, "tangent");
  expect_near(term, t * u * curvature, "curvature");
  expect_near(adjoint, c * slope + t * u * curvature, "adjoint");
  expect_near(sums, 1 + adjoint, "sums");
}

}  // namespace
}  // namespace monge::nn
