// Activations of vectors' networks: by LibTorch, and as one pass over memory that leaves the derivative as well.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace monge::nn {

enum class Activation { relu, silu, elu, leaky_relu, softplus, tanh };

/// "relu", "silu", "elu", "leaky_relu" (slope 0.2), "softplus" or "tanh". @throws Error with the nearest for another name.
Activation activation_named(const std::string& name);
std::vector<std::string> activation_names();

/// By LibTorch, differentiable as often as one likes, for any type and device.
torch::Tensor activate(Activation kind, const torch::Tensor& x);

/// h <- act(h + bias) in place and, unless `derivative` is null, derivative <- act'(h + bias). Row-major [rows, width];
/// exponentials by a polynomial, within 2e-7 of the exact value relative to 1. Vectorised for the machine it runs on.
void add_bias_and_activate(Activation kind, float* h, float* derivative, const float* bias, int64_t rows, int64_t width);

/// gradient <- gradient * derivative in place; its sums over rows are added to `bias_gradient` [width] unless that is null.
void chain_activation(float* gradient, const float* derivative, float* bias_gradient, int64_t rows, int64_t width);

}  // namespace monge::nn
