// Activations of vectors' networks: by LibTorch, and as one pass over memory that leaves the derivative as well.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace monge::nn {

enum class Activation { relu, silu, elu, leaky_relu, softplus, tanh };

/// "relu", "silu", "elu", "leaky_relu" (slope 0.2), "softplus" or "tanh". @throws InputError with the nearest for
/// another name.
Activation activation_named(const std::string& name);
std::vector<std::string> activation_names();

/// By LibTorch, differentiable as often as one likes, for any type and device.
torch::Tensor activate(Activation kind, const torch::Tensor& x);

/// Whether act' can be told from act's value, so that it need not be kept: all but silu and softplus.
bool slope_from_value(Activation kind);

/// h <- act(h + bias) in place and, unless `slope` is null, slope <- act'(h + bias). [rows, width], rows `stride`
/// floats apart; exponentials by a polynomial, within 5e-7 of the exact value relative to 1. In the vectors of the
/// machine it runs on.
void add_bias_and_activate(Activation kind, float* h, float* slope, const float* bias, int64_t rows, int64_t width,
                           int64_t stride);

/// gradient <- gradient * act' in place; its sums over rows are added to `bias_gradient` [width] unless that is null.
/// @param value_or_slope  act where slope_from_value(kind), else act'; rows `stride` floats apart, as those of
/// gradient.
void chain_activation(Activation kind, float* gradient, const float* value_or_slope, float* bias_gradient, int64_t rows,
                      int64_t width, int64_t stride);

}  // namespace monge::nn
