#include "monge/nn/activation.h"

#include <bit>
#include <cmath>

#include "monge/core/registry.h"

// One clone for each generation of processors, chosen when the program starts: the build itself stays portable.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define MONGE_VECTORISED __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default"), optimize("O3")))
#else
#define MONGE_VECTORISED
#endif

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

constexpr float kSlope = 0.2F;  // of leaky_relu

/// e^x: 2^n times a polynomial of degree 6 on [-ln2/2, ln2/2]. Clamped where float ends; no branch, so that loops over it
/// become vector code.
[[gnu::always_inline]] inline float exponential(float x) {
  x = x < -87.0F ? -87.0F : x > 88.0F ? 88.0F : x;
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const float shifted = x * 1.44269504F + kRounder;
  const float n = shifted - kRounder;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1;
  const auto exponent = static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23;
  return p * std::bit_cast<float>(exponent);
}

struct Pair {
  float value, slope;
};

[[gnu::always_inline]] inline Pair silu(float x) {
  const float s = 1 / (1 + exponential(-x));
  const float value = x * s;
  return {value, s + value * (1 - s)};
}
[[gnu::always_inline]] inline Pair tanh(float x) {
  const float t = 2 / (1 + exponential(-2 * x)) - 1;
  return {t, 1 - t * t};
}
[[gnu::always_inline]] inline Pair elu(float x) {
  const float e = exponential(x < 0 ? x : 0);
  return {x > 0 ? x : e - 1, x > 0 ? 1 : e};
}
[[gnu::always_inline]] inline Pair relu(float x) { return {x > 0 ? x : 0, x > 0 ? 1.0F : 0.0F}; }
[[gnu::always_inline]] inline Pair leaky_relu(float x) { return {x > 0 ? x : kSlope * x, x > 0 ? 1 : kSlope}; }

// A loop for each activation, written out by this macro because a clone does not take in what it calls through a template.
#define MONGE_ROWS(function)                                                                                      \
  for (int64_t row = 0; row < rows; ++row, h += width, derivative += derivative ? width : 0) {                    \
    if (derivative) {                                                                                             \
      for (int64_t i = 0; i < width; ++i) {                                                                       \
        const Pair out = function(h[i] + bias[i]);                                                                \
        h[i] = out.value;                                                                                         \
        derivative[i] = out.slope;                                                                                \
      }                                                                                                           \
    } else {                                                                                                      \
      for (int64_t i = 0; i < width; ++i) h[i] = function(h[i] + bias[i]).value;                                  \
    }                                                                                                             \
  }

MONGE_VECTORISED void silu_rows(float* __restrict h, float* __restrict derivative, const float* __restrict bias, int64_t rows, int64_t width) { MONGE_ROWS(silu) }
MONGE_VECTORISED void tanh_rows(float* __restrict h, float* __restrict derivative, const float* __restrict bias, int64_t rows, int64_t width) { MONGE_ROWS(tanh) }
MONGE_VECTORISED void elu_rows(float* __restrict h, float* __restrict derivative, const float* __restrict bias, int64_t rows, int64_t width) { MONGE_ROWS(elu) }
MONGE_VECTORISED void relu_rows(float* __restrict h, float* __restrict derivative, const float* __restrict bias, int64_t rows, int64_t width) { MONGE_ROWS(relu) }
MONGE_VECTORISED void leaky_relu_rows(float* __restrict h, float* __restrict derivative, const float* __restrict bias, int64_t rows, int64_t width) { MONGE_ROWS(leaky_relu) }
#undef MONGE_ROWS

/// Logarithms are left to the library: nobody trains for speed with softplus.
void softplus_rows(float* h, float* derivative, const float* bias, int64_t rows, int64_t width) {
  for (int64_t i = 0; i < rows * width; ++i) {
    const float x = h[i] + bias[i % width];
    h[i] = std::max(x, 0.0F) + std::log1p(std::exp(-std::abs(x)));
    if (derivative) derivative[i] = 1 / (1 + std::exp(-x));
  }
}

MONGE_VECTORISED void multiply_rows(float* __restrict gradient, const float* __restrict derivative, float* __restrict sums, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; ++row, gradient += width, derivative += width) {
    for (int64_t i = 0; i < width; ++i) {
      gradient[i] *= derivative[i];
      sums[i] += gradient[i];
    }
  }
}

MONGE_VECTORISED void multiply(float* __restrict gradient, const float* __restrict derivative, int64_t count) {
  for (int64_t i = 0; i < count; ++i) gradient[i] *= derivative[i];
}

}  // namespace

Activation activation_named(const std::string& name) { return registry().at(name); }
std::vector<std::string> activation_names() { return registry().names(); }

torch::Tensor activate(Activation kind, const torch::Tensor& x) {
  switch (kind) {
    case Activation::relu: return torch::relu(x);
    case Activation::silu: return torch::silu(x);
    case Activation::elu: return torch::elu(x);
    case Activation::leaky_relu: return torch::leaky_relu(x, kSlope);
    case Activation::softplus: return torch::softplus(x);
    case Activation::tanh: return torch::tanh(x);
  }
  return x;
}

void add_bias_and_activate(Activation kind, float* h, float* derivative, const float* bias, int64_t rows, int64_t width) {
  switch (kind) {
    case Activation::relu: return relu_rows(h, derivative, bias, rows, width);
    case Activation::silu: return silu_rows(h, derivative, bias, rows, width);
    case Activation::elu: return elu_rows(h, derivative, bias, rows, width);
    case Activation::leaky_relu: return leaky_relu_rows(h, derivative, bias, rows, width);
    case Activation::softplus: return softplus_rows(h, derivative, bias, rows, width);
    case Activation::tanh: return tanh_rows(h, derivative, bias, rows, width);
  }
}

void chain_activation(float* gradient, const float* derivative, float* bias_gradient, int64_t rows, int64_t width) {
  if (bias_gradient) return multiply_rows(gradient, derivative, bias_gradient, rows, width);
  multiply(gradient, derivative, rows * width);
}

}  // namespace monge::nn
