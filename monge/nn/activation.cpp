#include "monge/nn/activation.h"

#include <cmath>

#include "monge/core/registry.h"
#include "monge/core/vectorised.h"
#include "monge/nn/vector_exponential.h"
#include "monge/nn/vectors.h"

namespace monge::nn {
namespace {

const Registry<Activation>& registry() {
  static const Registry<Activation> names("activation", {{"relu", Activation::relu},
                                                         {"silu", Activation::silu},
                                                         {"elu", Activation::elu},
                                                         {"leaky_relu", Activation::leaky_relu},
                                                         {"softplus", Activation::softplus},
                                                         {"tanh", Activation::tanh}});
  return names;
}

using Floats16 = AlignedFloats<16>;
using Lanes = Floats16::Type;

struct Pair {
  Lanes value, slope;
};

MONGE_INLINE Pair silu(Lanes x) {
  const Lanes s = 1.0F / (1.0F + exponential(-x));
  const Lanes value = x * s;
  return {value, s + value * (1.0F - s)};
}
MONGE_INLINE Pair tanh(Lanes x) {
  const Lanes t = 2.0F / (1.0F + exponential(-2.0F * x)) - 1.0F;
  return {t, 1.0F - t * t};
}
MONGE_INLINE Pair elu(Lanes x) {
  const Lanes zero{}, one = zero + 1.0F, e = exponential(x > zero ? zero : x);
  return {x > zero ? x : e - 1.0F, x > zero ? one : e};
}
MONGE_INLINE Pair relu(Lanes x) {
  const Lanes zero{}, one = zero + 1.0F;
  return {x < zero ? zero : x, x > zero ? one : zero};  // NaN remains NaN
}
MONGE_INLINE Pair leaky_relu(Lanes x) {
  const Lanes zero{}, one = zero + 1.0F, slope = zero + static_cast<float>(kLeakySlope);
  return {x > zero ? x : slope * x, x > zero ? one : slope};
}

template <Pair (*function)(Lanes)>
MONGE_INLINE void rows_of(float* h, float* derivative, const float* bias, int64_t rows, int64_t width, int64_t stride) {
  each_vector<Floats16>(
      rows, width, stride, [=](int64_t at, int64_t column, int64_t count) __attribute__((always_inline)) {
        const Pair out = function(load<Floats16>(h + at, count) + load<Floats16>(bias + column, count));
        store<Floats16>(h + at, out.value, count);
        if (derivative) store<Floats16>(derivative + at, out.slope, count);
      });
}

MONGE_VECTORISED void silu_rows(float* h, float* derivative, const float* bias, int64_t rows, int64_t width,
                                int64_t stride) {
  rows_of<silu>(h, derivative, bias, rows, width, stride);
}
MONGE_VECTORISED void tanh_rows(float* h, float* derivative, const float* bias, int64_t rows, int64_t width,
                                int64_t stride) {
  rows_of<tanh>(h, derivative, bias, rows, width, stride);
}
MONGE_VECTORISED void elu_rows(float* h, float* derivative, const float* bias, int64_t rows, int64_t width,
                               int64_t stride) {
  rows_of<elu>(h, derivative, bias, rows, width, stride);
}
MONGE_VECTORISED void relu_rows(float* h, float* derivative, const float* bias, int64_t rows, int64_t width,
                                int64_t stride) {
  rows_of<relu>(h, derivative, bias, rows, width, stride);
}
MONGE_VECTORISED void leaky_relu_rows(float* h, float* derivative, const float* bias, int64_t rows, int64_t width,
                                      int64_t stride) {
  rows_of<leaky_relu>(h, derivative, bias, rows, width, stride);
}

/// Uses the library's logarithm: softplus is not used where speed matters.
void softplus_rows(float* h, float* derivative, const float* bias, int64_t rows, int64_t width, int64_t stride) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < width; ++i) {
      const int64_t at = row * stride + i;
      const float x = h[at] + bias[i];
      h[at] = std::max(x, 0.0F) + std::log1p(std::exp(-std::abs(x)));
      if (derivative) derivative[at] = 1 / (1 + std::exp(-x));
    }
  }
}

MONGE_INLINE Lanes by_slope(Lanes gradient, Lanes slope) { return gradient * slope; }
MONGE_INLINE Lanes by_relu(Lanes gradient, Lanes value) { return value > Lanes{} ? gradient : Lanes{}; }
MONGE_INLINE Lanes by_leaky_relu(Lanes gradient, Lanes value) {
  return value > Lanes{} ? gradient : gradient * static_cast<float>(kLeakySlope);
}

MONGE_INLINE Lanes by_elu(Lanes gradient, Lanes value) {
  return value > Lanes{} ? gradient : gradient * (value + 1.0F);
}
MONGE_INLINE Lanes by_tanh(Lanes gradient, Lanes value) { return gradient * (1.0F - value * value); }

template <Lanes (*function)(Lanes, Lanes)>
MONGE_INLINE void chain_of(float* gradient, const float* other, float* sums, int64_t rows, int64_t width,
                           int64_t stride) {
  each_vector<Floats16>(
      rows, width, stride, [=](int64_t at, int64_t column, int64_t count) __attribute__((always_inline)) {
        const Lanes out = function(load<Floats16>(gradient + at, count), load<Floats16>(other + at, count));
        store<Floats16>(gradient + at, out, count);
        if (sums) store<Floats16>(sums + column, load<Floats16>(sums + column, count) + out, count);
      });
}

MONGE_VECTORISED void chain_slope(float* gradient, const float* other, float* sums, int64_t rows, int64_t width,
                                  int64_t stride) {
  chain_of<by_slope>(gradient, other, sums, rows, width, stride);
}
MONGE_VECTORISED void chain_relu(float* gradient, const float* other, float* sums, int64_t rows, int64_t width,
                                 int64_t stride) {
  chain_of<by_relu>(gradient, other, sums, rows, width, stride);
}
MONGE_VECTORISED void chain_leaky_relu(float* gradient, const float* other, float* sums, int64_t rows, int64_t width,
                                       int64_t stride) {
  chain_of<by_leaky_relu>(gradient, other, sums, rows, width, stride);
}
MONGE_VECTORISED void chain_elu(float* gradient, const float* other, float* sums, int64_t rows, int64_t width,
                                int64_t stride) {
  chain_of<by_elu>(gradient, other, sums, rows, width, stride);
}
MONGE_VECTORISED void chain_tanh(float* gradient, const float* other, float* sums, int64_t rows, int64_t width,
                                 int64_t stride) {
  chain_of<by_tanh>(gradient, other, sums, rows, width, stride);
}

}  // namespace

Activation activation_named(const std::string& name) { return registry().at(name); }
std::vector<std::string> activation_names() { return registry().names(); }

torch::Tensor activate(Activation kind, const torch::Tensor& x) {
  switch (kind) {
    case Activation::relu:
      return torch::relu(x);
    case Activation::silu:
      return torch::silu(x);
    case Activation::elu:
      return torch::elu(x);
    case Activation::leaky_relu:
      return torch::leaky_relu(x, kLeakySlope);
    case Activation::softplus:
      return torch::softplus(x);
    case Activation::tanh:
      return torch::tanh(x);
  }
  return x;
}

void add_bias_and_activate(Activation kind, float* h, float* derivative, const float* bias, int64_t rows, int64_t width,
                           int64_t stride) {
  switch (kind) {
    case Activation::relu:
      return relu_rows(h, derivative, bias, rows, width, stride);
    case Activation::silu:
      return silu_rows(h, derivative, bias, rows, width, stride);
    case Activation::elu:
      return elu_rows(h, derivative, bias, rows, width, stride);
    case Activation::leaky_relu:
      return leaky_relu_rows(h, derivative, bias, rows, width, stride);
    case Activation::softplus:
      return softplus_rows(h, derivative, bias, rows, width, stride);
    case Activation::tanh:
      return tanh_rows(h, derivative, bias, rows, width, stride);
  }
}

bool slope_from_value(Activation kind) { return kind != Activation::silu && kind != Activation::softplus; }

void activation_backward(Activation kind, float* gradient, const float* value_or_slope, float* bias_gradient,
                         int64_t rows, int64_t width, int64_t stride) {
  switch (kind) {
    case Activation::relu:
      return chain_relu(gradient, value_or_slope, bias_gradient, rows, width, stride);
    case Activation::leaky_relu:
      return chain_leaky_relu(gradient, value_or_slope, bias_gradient, rows, width, stride);
    case Activation::elu:
      return chain_elu(gradient, value_or_slope, bias_gradient, rows, width, stride);
    case Activation::tanh:
      return chain_tanh(gradient, value_or_slope, bias_gradient, rows, width, stride);
    default:
      return chain_slope(gradient, value_or_slope, bias_gradient, rows, width, stride);
  }
}

}  // namespace monge::nn
