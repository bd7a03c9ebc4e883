#include "monge/nn/activation_curvature.h"

#include <cmath>

#include "monge/core/vectorised.h"
#include "monge/nn/vector_exponential.h"
#include "monge/nn/vectors.h"

namespace monge::nn {
namespace {

using Vector = AlignedFloats<16>;
using Values = Vector::Type;
constexpr int64_t kWidth = Vector::kCount;
constexpr double kLeak = 0.2;  // the slope of leaky_relu below 0

struct Triple {
  Values value, slope, curvature;
};

MONGE_INLINE Triple curved_silu(Values x) {
  const Values s = 1.0F / (1.0F + exponential(-x));
  const Values value = x * s, rest = 1.0F - s;
  return {value, s + value * rest, s * rest * (2.0F + x * (1.0F - 2.0F * s))};
}
MONGE_INLINE Triple curved_tanh(Values x) {
  const Values t = 2.0F / (1.0F + exponential(-2.0F * x)) - 1.0F;
  const Values slope = 1.0F - t * t;
  return {t, slope, -2.0F * t * slope};
}
MONGE_INLINE Triple curved_elu(Values x) {
  const Values zero{}, one = zero + 1.0F, e = exponential(x > zero ? zero : x);
  return {x > zero ? x : e - 1.0F, x > zero ? one : e, x > zero ? zero : e};
}
MONGE_INLINE Triple curved_relu(Values x) {
  const Values zero{}, one = zero + 1.0F;
  return {x < zero ? zero : x, x > zero ? one : zero, zero};
}
MONGE_INLINE Triple curved_leaky_relu(Values x) {
  const Values zero{}, one = zero + 1.0F, leak = zero + static_cast<float>(kLeak);
  return {x > zero ? x : leak * x, x > zero ? one : leak, zero};
}

/// Calls work(at, count) for vectors of a block, and for the rest of each row.
template <class Work>
MONGE_INLINE void each_vector(int64_t rows, int64_t width, int64_t stride, const Work& work) {
  for (int64_t row = 0; row < rows; ++row) {
    int64_t i = 0;
    for (; i + kWidth <= width; i += kWidth) work(row * stride + i, i, kWidth);
    if (i < width) work(row * stride + i, i, width - i);
  }
}

template <Triple (*function)(Values)>
MONGE_INLINE void curved_rows(float* h, float* slope, float* curvature, const float* bias, int64_t rows, int64_t width,
                              int64_t stride) {
  each_vector(
      rows, width, stride, [=](int64_t at, int64_t column, int64_t count) __attribute__((always_inline)) {
        const Triple out = function(load<Vector>(h + at, count) + load<Vector>(bias + column, count));
        store<Vector>(h + at, out.value, count);
        store<Vector>(slope + at, out.slope, count);
        store<Vector>(curvature + at, out.curvature, count);
      });
}

MONGE_VECTORISED void curved_silu_rows(float* h, float* slope, float* curvature, const float* bias, int64_t rows,
                                       int64_t width, int64_t stride) {
  curved_rows<curved_silu>(h, slope, curvature, bias, rows, width, stride);
}
MONGE_VECTORISED void curved_tanh_rows(float* h, float* slope, float* curvature, const float* bias, int64_t rows,
                                       int64_t width, int64_t stride) {
  curved_rows<curved_tanh>(h, slope, curvature, bias, rows, width, stride);
}
MONGE_VECTORISED void curved_elu_rows(float* h, float* slope, float* curvature, const float* bias, int64_t rows,
                                      int64_t width, int64_t stride) {
  curved_rows<curved_elu>(h, slope, curvature, bias, rows, width, stride);
}
MONGE_VECTORISED void curved_relu_rows(float* h, float* slope, float* curvature, const float* bias, int64_t rows,
                                       int64_t width, int64_t stride) {
  curved_rows<curved_relu>(h, slope, curvature, bias, rows, width, stride);
}
MONGE_VECTORISED void curved_leaky_relu_rows(float* h, float* slope, float* curvature, const float* bias, int64_t rows,
                                             int64_t width, int64_t stride) {
  curved_rows<curved_leaky_relu>(h, slope, curvature, bias, rows, width, stride);
}

/// By the library's logarithm, as in activation.cpp.
void curved_softplus_rows(float* h, float* slope, float* curvature, const float* bias, int64_t rows, int64_t width,
                          int64_t stride) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < width; ++i) {
      const int64_t at = row * stride + i;
      const float x = h[at] + bias[i];
      h[at] = std::max(x, 0.0F) + std::log1p(std::exp(-std::abs(x)));
      slope[at] = 1 / (1 + std::exp(-x));
      curvature[at] = slope[at] * (1 - slope[at]);
    }
  }
}

}  // namespace

torch::Tensor activation_slope(Activation kind, const torch::Tensor& z) {
  const auto one = torch::ones({}, z.options().requires_grad(false));
  switch (kind) {
    case Activation::relu:
      return (z > 0).to(z.scalar_type());
    case Activation::silu: {
      const auto s = torch::sigmoid(z);
      return s * (1 + z * (1 - s));
    }
    case Activation::elu:
      return torch::where(z > 0, one, torch::exp(z.clamp_max(0)));
    case Activation::leaky_relu:
      return torch::where(z > 0, one, one * kLeak);
    case Activation::softplus:
      return torch::sigmoid(z);
    case Activation::tanh:
      return 1 - torch::tanh(z).square();
  }
  return z;
}

bool has_curvature(Activation kind) { return kind != Activation::relu && kind != Activation::leaky_relu; }

void activate_with_curvature(Activation kind, float* h, float* slope, float* curvature, const float* bias, int64_t rows,
                             int64_t width, int64_t stride) {
  switch (kind) {
    case Activation::relu:
      return curved_relu_rows(h, slope, curvature, bias, rows, width, stride);
    case Activation::silu:
      return curved_silu_rows(h, slope, curvature, bias, rows, width, stride);
    case Activation::elu:
      return curved_elu_rows(h, slope, curvature, bias, rows, width, stride);
    case Activation::leaky_relu:
      return curved_leaky_relu_rows(h, slope, curvature, bias, rows, width, stride);
    case Activation::softplus:
      return curved_softplus_rows(h, slope, curvature, bias, rows, width, stride);
    case Activation::tanh:
      return curved_tanh_rows(h, slope, curvature, bias, rows, width, stride);
  }
}

MONGE_VECTORISED void gradient_through_activation(float* u, const float* slope, float* curvature, int64_t rows,
                                                  int64_t width, int64_t stride) {
  each_vector(
      rows, width, stride, [=](int64_t at, int64_t, int64_t count) __attribute__((always_inline)) {
        const Values up = load<Vector>(u + at, count);
        store<Vector>(curvature + at, up * load<Vector>(curvature + at, count), count);
        store<Vector>(u + at, up * load<Vector>(slope + at, count), count);
      });
}

MONGE_VECTORISED void tangent_through_activation(float* t, const float* slope, const float* curvature,
                                                 float* curvature_term, int64_t rows, int64_t width, int64_t stride) {
  each_vector(
      rows, width, stride, [=](int64_t at, int64_t, int64_t count) __attribute__((always_inline)) {
        const Values tangent = load<Vector>(t + at, count);
        store<Vector>(curvature_term + at, tangent * load<Vector>(curvature + at, count), count);
        store<Vector>(t + at, tangent * load<Vector>(slope + at, count), count);
      });
}

MONGE_VECTORISED void adjoint_through_activation(float* c, const float* slope, const float* curvature_term, float* sums,
                                                 int64_t rows, int64_t width, int64_t stride) {
  each_vector(
      rows, width, stride, [=](int64_t at, int64_t column, int64_t count) __attribute__((always_inline)) {
        const Values out =
            load<Vector>(c + at, count) * load<Vector>(slope + at, count) + load<Vector>(curvature_term + at, count);
        store<Vector>(c + at, out, count);
        store<Vector>(sums + column, load<Vector>(sums + column, count) + out, count);
      });
}

}  // namespace monge::nn
