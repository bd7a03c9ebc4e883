// The activations of the networks for vectors: by LibTorch, and as one pass over memory that also gives the derivative.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace monge::nn {

enum class Activation { relu, silu, elu, leaky_relu, softplus, tanh };

constexpr double kLeakySlope = 0.2;  ///< of leaky_relu below 0

/// The activation named "relu", "silu", "elu", "leaky_relu" (slope 0.2), "softplus" or "tanh".
/// @throws InputError for another name, suggesting the nearest.
Activation activation_named(const std::string& name);
std::vector<std::string> activation_names();

/// Applies the activation by LibTorch's operators: for any type and device, differentiable any number of times.
torch::Tensor activate(Activation kind, const torch::Tensor& x);

/// Whether act' is a function of act's value, so that it need not be stored: true for all but silu and softplus.
bool slope_from_value(Activation kind);

/// h <- act(h + bias) in place and, unless `slope` is null, slope <- act'(h + bias), with the widest vector
/// instructions of the processor. Exponentials are polynomials within 5e-7 of the exact value, relative to 1.
/// @param h, slope  [rows, width], with rows `stride` floats apart.
/// @param bias      [width].
void add_bias_and_activate(Activation kind, float* h, float* slope, const float* bias, int64_t rows, int64_t width,
                           int64_t stride);

/// gradient <- gradient * act' in place. Adds its sums over rows to `bias_gradient` [width], unless that is null.
/// @param value_or_slope  act if slope_from_value(kind), else act'; rows `stride` floats apart, as in `gradient`.
void activation_backward(Activation kind, float* gradient, const float* value_or_slope, float* bias_gradient,
                         int64_t rows, int64_t width, int64_t stride);

}  // namespace monge::nn
