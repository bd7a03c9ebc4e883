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

/// What the passes keep of a hidden layer: act(z) and, unless slope_from_value, act'(z) and act''(z), [rows, width]
/// each. The tangent and the adjoint pass only read it.
struct ActivationRecord {
  float* value = nullptr;
  float* slope = nullptr;      ///< null if slope_from_value(kind): act' and act'' then follow from `value`
  float* curvature = nullptr;  ///< likewise; gradient_through_activation multiplies it by the gradient above

  ActivationRecord from(int64_t offset) const {
    return slope ? ActivationRecord{value + offset, slope + offset, curvature + offset}
                 : ActivationRecord{.value = value + offset};
  }
};

/// Writes the record of z = value + bias; `value` holds z - bias at first.
void activate_with_curvature(Activation kind, const ActivationRecord& record, const float* bias, int64_t rows,
                             int64_t width, int64_t stride);

/// u <- u act', for the gradient u above the activation.
void gradient_through_activation(Activation kind, const ActivationRecord& record, float* u, int64_t rows, int64_t width,
                                 int64_t stride);

/// curvature_term <- t u act'', t <- t act', for the tangent t before the activation.
/// @param d  u act' of gradient_through_activation; read where act'' follows from the value.
void tangent_through_activation(Activation kind, const ActivationRecord& record, const float* d, float* t,
                                float* curvature_term, int64_t rows, int64_t width, int64_t stride);

/// c <- c act' + curvature_term, and adds the sums of c over rows to `sums` [width].
void adjoint_through_activation(Activation kind, const ActivationRecord& record, float* c, const float* curvature_term,
                                float* sums, int64_t rows, int64_t width, int64_t stride);

}  // namespace monge::nn
