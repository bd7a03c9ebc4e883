#include "monge/nn/activation_curvature.h"

#include <cmath>
#include <type_traits>

#include "monge/core/vectorised.h"
#include "monge/nn/vector_exponential.h"
#include "monge/nn/vectors.h"

namespace monge::nn {
namespace {

using Vector = AlignedFloats<16>;
using Values = Vector::Type;

/// Activations of which the value v gives act' and act''/act'.
struct OfElu {
  MONGE_INLINE static Values slope(Values v) { return v > Values{} ? Values{} + 1.0F : v + 1.0F; }
  MONGE_INLINE static Values bend(Values v) { return v > Values{} ? Values{} : Values{} + 1.0F; }
};
struct OfTanh {
  MONGE_INLINE static Values slope(Values v) { return 1.0F - v * v; }
  MONGE_INLINE static Values bend(Values v) { return -2.0F * v; }
};
struct OfRelu {
  MONGE_INLINE static Values slope(Values v) { return v > Values{} ? Values{} + 1.0F : Values{}; }
  MONGE_INLINE static Values bend(Values) { return Values{}; }
};
struct OfLeakyRelu {
  MONGE_INLINE static Values slope(Values v) {
    return v > Values{} ? Values{} + 1.0F : Values{} + static_cast<float>(kLeakySlope);
  }
  MONGE_INLINE static Values bend(Values) { return Values{}; }
};

/// Activations of which act' and act'' are stored.
struct Stored {};

MONGE_VECTORISED void curved_silu_rows(const ActivationRecord& record, const float* bias, int64_t rows, int64_t width,
                                       int64_t stride) {
  float *const h = record.value, *const slope = record.slope, *const curvature = record.curvature;
  each_vector<Vector>(
      rows, width, stride, [=](int64_t at, int64_t column, int64_t count) __attribute__((always_inline)) {
        const Values x = load<Vector>(h + at, count) + load<Vector>(bias + column, count);
        const Values s = 1.0F / (1.0F + exponential(-x));
        const Values value = x * s, rest = 1.0F - s;
        store<Vector>(h + at, value, count);
        store<Vector>(slope + at, s + value * rest, count);
        store<Vector>(curvature + at, s * rest * (2.0F + x * (1.0F - 2.0F * s)), count);
      });
}

/// By the library's logarithm, as in activation.cpp.
void curved_softplus_rows(const ActivationRecord& record, const float* bias, int64_t rows, int64_t width,
                          int64_t stride) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < width; ++i) {
      const int64_t at = row * stride + i;
      const float x = record.value[at] + bias[i], slope = 1 / (1 + std::exp(-x));
      record.value[at] = std::max(x, 0.0F) + std::log1p(std::exp(-std::abs(x)));
      record.slope[at] = slope;
      record.curvature[at] = slope * (1 - slope);
    }
  }
}

template <class Curve>
MONGE_INLINE Values slope_at(const ActivationRecord& record, int64_t at, int64_t count) {
  if constexpr (std::is_same_v<Curve, Stored>) {
    return load<Vector>(record.slope + at, count);
  } else {
    return Curve::slope(load<Vector>(record.value + at, count));
  }
}

/// u act'': d act''/act' for d = u act', or what gradient_through_activation has stored.
template <class Curve>
MONGE_INLINE Values bent_gradient_at(const ActivationRecord& record, const float* d, int64_t at, int64_t count) {
  if constexpr (std::is_same_v<Curve, Stored>) {
    return load<Vector>(record.curvature + at, count);
  } else {
    return load<Vector>(d + at, count) * Curve::bend(load<Vector>(record.value + at, count));
  }
}

template <class Curve>
MONGE_INLINE void gradient_pass_rows(const ActivationRecord& record, float* u, int64_t rows, int64_t width,
                                     int64_t stride) {
  each_vector<Vector>(
      rows, width, stride, [=](int64_t at, int64_t, int64_t count) __attribute__((always_inline)) {
        const Values up = load<Vector>(u + at, count);
        if constexpr (std::is_same_v<Curve, Stored>)
          store<Vector>(record.curvature + at, up * load<Vector>(record.curvature + at, count), count);
        store<Vector>(u + at, up * slope_at<Curve>(record, at, count), count);
      });
}

template <class Curve>
MONGE_INLINE void tangent_rows(const ActivationRecord& record, const float* d, float* t, float* curvature_term,
                               int64_t rows, int64_t width, int64_t stride) {
  each_vector<Vector>(
      rows, width, stride, [=](int64_t at, int64_t, int64_t count) __attribute__((always_inline)) {
        const Values tangent = load<Vector>(t + at, count);
        store<Vector>(curvature_term + at, tangent * bent_gradient_at<Curve>(record, d, at, count), count);
        store<Vector>(t + at, tangent * slope_at<Curve>(record, at, count), count);
      });
}

template <class Curve>
MONGE_INLINE void adjoint_rows(const ActivationRecord& record, float* c, const float* curvature_term, float* sums,
                               int64_t rows, int64_t width, int64_t stride) {
  each_vector<Vector>(
      rows, width, stride, [=](int64_t at, int64_t column, int64_t count) __attribute__((always_inline)) {
        const Values out =
            load<Vector>(c + at, count) * slope_at<Curve>(record, at, count) + load<Vector>(curvature_term + at, count);
        store<Vector>(c + at, out, count);
        store<Vector>(sums + column, load<Vector>(sums + column, count) + out, count);
      });
}

/// Calls work(curve), whose type is that of the activation's curve above.
template <class Work>
MONGE_INLINE void with_curve(Activation kind, const Work& work) {
  switch (kind) {
    case Activation::relu:
      return work(OfRelu());
    case Activation::leaky_relu:
      return work(OfLeakyRelu());
    case Activation::elu:
      return work(OfElu());
    case Activation::tanh:
      return work(OfTanh());
    case Activation::silu:
    case Activation::softplus:
      return work(Stored());
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
      return torch::where(z > 0, one, one * kLeakySlope);
    case Activation::softplus:
      return torch::sigmoid(z);
    case Activation::tanh:
      return 1 - torch::tanh(z).square();
  }
  return z;
}

bool has_curvature(Activation kind) { return kind != Activation::relu && kind != Activation::leaky_relu; }

void activate_with_curvature(Activation kind, const ActivationRecord& record, const float* bias, int64_t rows,
                             int64_t width, int64_t stride) {
  switch (kind) {
    case Activation::silu:
      return curved_silu_rows(record, bias, rows, width, stride);
    case Activation::softplus:
      return curved_softplus_rows(record, bias, rows, width, stride);
    case Activation::relu:
    case Activation::elu:
    case Activation::leaky_relu:
    case Activation::tanh:
      return add_bias_and_activate(kind, record.value, nullptr, bias, rows, width, stride);
  }
}

MONGE_VECTORISED void gradient_through_activation(Activation kind, const ActivationRecord& record, float* u,
                                                  int64_t rows, int64_t width, int64_t stride) {
  with_curve(
      kind, [=](auto curve) __attribute__((always_inline)) {
        gradient_pass_rows<decltype(curve)>(record, u, rows, width, stride);
      });
}

MONGE_VECTORISED void tangent_through_activation(Activation kind, const ActivationRecord& record, const float* d,
                                                 float* t, float* curvature_term, int64_t rows, int64_t width,
                                                 int64_t stride) {
  with_curve(
      kind, [=](auto curve) __attribute__((always_inline)) {
        tangent_rows<decltype(curve)>(record, d, t, curvature_term, rows, width, stride);
      });
}

MONGE_VECTORISED void adjoint_through_activation(Activation kind, const ActivationRecord& record, float* c,
                                                 const float* curvature_term, float* sums, int64_t rows, int64_t width,
                                                 int64_t stride) {
  with_curve(
      kind, [=](auto curve) __attribute__((always_inline)) {
        adjoint_rows<decltype(curve)>(record, c, curvature_term, sums, rows, width, stride);
      });
}

}  // namespace monge::nn
