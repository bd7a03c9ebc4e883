// The passes over hidden values that a chain's gradient in its input needs, and its derivative in the weights: they
// carry the first and the second derivative of the activation. One pass over memory each, with the widest vector
// instructions of the processor. All arrays have rows `stride` floats apart.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "monge/nn/activation.h"

namespace monge::nn {

/// act'(z) by LibTorch's operators: for any type and device, differentiable once more.
torch::Tensor activation_slope(Activation kind, const torch::Tensor& z);

/// Whether act'' is not zero everywhere. The gradient map of a relu is constant in pieces and does not learn them.
bool has_curvature(Activation kind);

/// z = h + bias; h <- act(z), slope <- act'(z), curvature <- act''(z).
void activate_with_curvature(Activation kind, float* h, float* slope, float* curvature, const float* bias, int64_t rows,
                             int64_t width, int64_t stride);

/// curvature <- u curvature; u <- u slope, for the gradient u above the activation.
void gradient_through_activation(float* u, const float* slope, float* curvature, int64_t rows, int64_t width,
                                 int64_t stride);

/// curvature_term <- t curvature; t <- t slope, for the tangent t before the activation.
void tangent_through_activation(float* t, const float* slope, const float* curvature, float* curvature_term,
                                int64_t rows, int64_t width, int64_t stride);

/// c <- c slope + curvature_term, and adds the sums of c over rows to `sums` [width].
void adjoint_through_activation(float* c, const float* slope, const float* curvature_term, float* sums, int64_t rows,
                                int64_t width, int64_t stride);

}  // namespace monge::nn
