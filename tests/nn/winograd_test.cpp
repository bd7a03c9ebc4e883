#include "monge/nn/ops/winograd.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/nn/ops/convolution.h"
#include "monge/nn/vector_width.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using winograd::Shape;

constexpr auto kLast = torch::MemoryFormat::ChannelsLast;

/// |a - b| / |b| with Euclidean norms, in double.
double norm_error(const torch::Tensor& a, const torch::Tensor& b) {
  const auto wide_a = a.detach().to(torch::kFloat64), wide_b = b.detach().to(torch::kFloat64);
  return (wide_a - wide_b).norm().item<double>() / std::max(wide_b.norm().item<double>(), 1e-30);
}

struct Layer {
  explicit Layer(const Shape& s, bool wants_input = true) : shape(s) {
    const RandomStreams streams(11);
    const auto draw = [&](std::vector<int64_t> sizes, const char* name, double scale) {
      return torch::randn(sizes, streams.at(name, 0)) * scale;
    };
    x = draw({s.batch, s.in, s.height, s.width}, "x", 1).contiguous(kLast).requires_grad_(wants_input);
    weight = draw({s.out, s.in, 3, 3}, "weight", 1 / std::sqrt(9.0 * static_cast<double>(s.in)))
                 .contiguous(kLast)
                 .requires_grad_(true);
    bias = draw({s.out}, "bias", 1).requires_grad_(true);
    dy = draw({s.batch, s.out, s.height, s.width}, "dy", 1).contiguous(kLast);
  }
  /// The gradients of x, weight and bias.
  std::vector<torch::Tensor> gradients(const torch::Tensor& y) const {
    return torch::autograd::grad({y}, {x, weight, bias}, {dy.to(y.scalar_type())});
  }

  Shape shape;
  torch::Tensor x, weight, bias, dy;
};

/// conv2d and its gradients in double: the value, then those of x, weight and bias.
std::vector<torch::Tensor> exact(const Layer& layer) {
  const auto wide = [](const torch::Tensor& t) { return t.detach().to(torch::kFloat64).requires_grad_(true); };
  const auto x = wide(layer.x), weight = wide(layer.weight), bias = wide(layer.bias);
  const auto y = torch::conv2d(x, weight, bias, 1, 1);
  const auto found = torch::autograd::grad({y}, {x, weight, bias}, {layer.dy.to(torch::kFloat64)});
  return {y, found[0], found[1], found[2]};
}

/// The same by F(m x m, 3 x 3), whatever the rule would choose.
std::vector<torch::Tensor> by_tiles(int m, const Layer& layer) {
  const auto& s = layer.shape;
  const auto y = torch::empty_like(layer.dy), dx = torch::empty_like(layer.x.detach()),
             dw = torch::empty_like(layer.weight.detach()), db = torch::empty_like(layer.bias.detach());
  const auto in = [](const torch::Tensor& t) { return t.const_data_ptr<float>(); };
  const auto out = [](const torch::Tensor& t) { return t.data_ptr<float>(); };
  winograd::convolve(m, s, in(layer.x), in(layer.weight), false, in(layer.bias), out(y));
  winograd::convolve(m, {s.batch, s.height, s.width, s.out, s.in}, in(layer.dy), in(layer.weight), true, nullptr,
                     out(dx));
  winograd::weight_gradient(m, s, in(layer.x), in(layer.dy), out(dw), out(db));
  return {y, dx, dw, db};
}

// Sizes that are not multiples of tiles, one pixel, channels that are not multiples of vectors, and each way of
// dividing the work: by tiles (many), by channels (few tiles, many channels, in more than one depth) and by points
// (between).
const std::vector<Shape> kShapes{{1, 7, 7, 16, 16},   {2, 25, 19, 20, 35}, {1, 8, 8, 33, 64},  {3, 5, 6, 70, 17},
                                 {1, 1, 1, 5, 7},     {2, 2, 2, 96, 200},  {1, 3, 40, 3, 33},  {2, 4, 4, 280, 300},
                                 {4, 9, 8, 144, 130}, {1, 13, 1, 130, 66}, {2, 32, 32, 48, 48}};

// The rounding errors of F(2 x 2) are about as large as those of a direct sum, those of F(4 x 4) three times as large:
// at most 1.4e-6 and 2.3e-6 of the norm were measured at 512 channels. The bias's gradient is a plain sum.
class WinogradOfWidth : public ::testing::TestWithParam<VectorWidth> {
 protected:
  void SetUp() override { widest_allowed = GetParam(); }
  void TearDown() override {
    widest_allowed = VectorWidth::bits_512;
    at::set_num_threads(1);
  }
};

TEST_P(WinogradOfWidth, GivesTheValuesAndGradientsOfTheConvolution) {
  for (const auto& shape : kShapes) {
    const Layer layer(shape);
    const auto expected = exact(layer);
    for (const int threads : {1, 2, 3}) {
      at::set_num_threads(threads);
      for (const int m : {2, 4}) {
        const auto found = by_tiles(m, layer);
        for (size_t i = 0; i < found.size(); ++i) {
          EXPECT_LT(norm_error(found[i], expected[i]), m == 2 ? 1e-6 : 3e-6)
              << "m " << m << ", result " << i << ", x " << layer.x.sizes() << ", " << shape.out << " channels, "
              << threads << " threads";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, WinogradOfWidth,
                         ::testing::Values(VectorWidth::portable, VectorWidth::bits_256, VectorWidth::bits_512));

TEST(Winograd, IsTheSameEveryTime) {
  at::set_num_threads(3);
  for (const auto& shape : kShapes) {
    const Layer layer(shape);
    const auto once = by_tiles(4, layer);
    for (int again = 0; again < 5; ++again) {
      const auto twice = by_tiles(4, layer);
      for (size_t i = 0; i < once.size(); ++i)
        ASSERT_TRUE(torch::equal(once[i], twice[i])) << i << " " << layer.x.sizes();
    }
  }
  at::set_num_threads(1);
}

TEST(Winograd, IsChosenWhereThereIsEnoughToDo) {
  EXPECT_EQ(winograd::best_tile({16, 32, 32, 64, 64}), 4);
  EXPECT_EQ(winograd::best_tile({16, 16, 16, 96, 192}), 4);
  EXPECT_EQ(winograd::best_tile({16, 2, 2, 384, 384}), 2) << "a tile of 4 x 4 would be three quarters of zeros";
  EXPECT_EQ(winograd::best_tile({16, 32, 32, 3, 64}), 0) << "sums over three channels are no work";
  EXPECT_EQ(winograd::best_tile({16, 1, 1, 64, 64}), 0);
}

TEST(Convolution, IsDifferentiable) {
  for (const Shape& shape : {Shape{2, 16, 16, 32, 24}, {2, 16, 16, 3, 24}, {2, 5, 7, 40, 3}, {1, 2, 2, 8, 8}}) {
    const Layer layer(shape);
    const auto expected = exact(layer);
    const auto y = convolution(layer.x, layer.weight, layer.bias);
    EXPECT_TRUE(y.is_contiguous(kLast));
    EXPECT_LT(norm_error(y, expected[0]), 3e-6);
    const auto found = layer.gradients(y);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_LT(norm_error(found[i], expected[1 + i]), 3e-6) << i;
  }
}

TEST(Convolution, NeedsNoBias) {
  const Layer layer({2, 16, 16, 32, 24});
  const auto gradients = [&](const torch::Tensor& y) {
    auto out = torch::autograd::grad({y}, {layer.x, layer.weight}, {layer.dy});
    out.push_back(y);
    return out;
  };
  const auto expected = gradients(torch::conv2d(layer.x, layer.weight, {}, 1, 1));
  const auto found = gradients(convolution(layer.x, layer.weight, {}));
  for (size_t i = 0; i < found.size(); ++i) EXPECT_LT(norm_error(found[i], expected[i]), 3e-6) << i;
}

TEST(Convolution, TakesAnyLayoutOfWeightsAndGradients) {
  const Layer layer({2, 16, 16, 32, 24});
  const auto weight = layer.weight.detach().contiguous().requires_grad_(true);
  const auto y = convolution(layer.x, weight, layer.bias);
  const auto found = torch::autograd::grad({y.sum()}, {layer.x, weight})[1];  // the gradient of a sum has no strides
  const auto plain = torch::conv2d(layer.x, layer.weight, layer.bias, 1, 1);
  EXPECT_LT(norm_error(y, plain), 3e-6);
  EXPECT_LT(norm_error(found, torch::autograd::grad({plain.sum()}, {layer.weight})[0]), 3e-6);
}

TEST(Convolution, CanBeDifferentiatedTwice) {
  const Layer layer({2, 9, 8, 24, 20});
  const auto penalty = [&](auto&& convolve) {
    const auto y = convolve(layer.x, layer.weight, layer.bias);
    const auto slope = torch::autograd::grad({y.square().sum()}, {layer.x}, {}, true, /*create_graph=*/true)[0];
    return torch::autograd::grad({slope.square().sum()}, {layer.x, layer.weight, layer.bias});
  };
  const auto expected = penalty([](auto x, auto w, auto b) { return torch::conv2d(x, w, b, 1, 1); });
  const auto found = penalty(convolution);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_LT(norm_error(found[i], expected[i]), 1e-5) << i;
}

TEST(Convolution, ComputesNothingThatNobodyAskedFor) {
  const Layer first({2, 16, 16, 32, 24}, /*wants_input=*/false);
  convolution(first.x, first.weight, first.bias).sum().backward();
  EXPECT_FALSE(first.x.grad().defined());
  EXPECT_TRUE(first.weight.grad().defined());
  const Layer frozen({2, 16, 16, 32, 24});
  convolution(frozen.x, frozen.weight.detach(), frozen.bias.detach()).sum().backward();
  EXPECT_TRUE(frozen.x.grad().defined());
  EXPECT_FALSE(convolution(first.x, frozen.weight.detach(), {}).requires_grad());
}

TEST(Convolution, LeavesWhatItCannotTakeToLibTorch) {
  const Layer layer({2, 16, 16, 32, 24});
  const auto x = layer.x.detach().to(torch::kFloat64), weight = layer.weight.detach().to(torch::kFloat64);
  EXPECT_TRUE(torch::equal(convolution(x, weight, {}), torch::conv2d(x, weight, {}, 1, 1)));
  const auto narrow = torch::rand({5, 32, 1, 1});
  EXPECT_TRUE(torch::equal(convolution(layer.x, narrow, {}), torch::conv2d(layer.x, narrow)));
  const auto rows = layer.x.detach().contiguous(), plain = layer.weight.detach().contiguous();
  EXPECT_TRUE(torch::equal(convolution(rows, plain, {}), torch::conv2d(rows, plain, {}, 1, 1)));
  EXPECT_EQ(convolution(torch::empty({0, 32, 4, 4}), plain, {}).size(0), 0);
}

}  // namespace
}  // namespace monge::nn
