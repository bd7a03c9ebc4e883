// Winograd convolutions of images on a CPU: F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3), with 2.25 and 4 times fewer
// multiplications (Lavin and Gray 2016), on several threads.
#pragma once

#include <cstdint>

namespace monge::nn::winograd {

/// Stride 1, padding 1. Images are [batch, height, width, channels] and weights [out, 3, 3, in], float32 and
/// contiguous.
struct Shape {
  int64_t batch, height, width, in, out;  ///< all at least 1; at most 4096 channels
};

/// The m of the F(m x m, 3 x 3) that is expected to be faster than a direct convolution, also for the gradient of the
/// weights; 0 if none is. The estimate counts cycles: those of the products, and the measured ones of the transforms.
int best_tile(const Shape& shape);

/// y = conv(x, w) + bias. The error is at most 1e-6 of the norm of y (m = 4: 3e-6). The same number of threads gives
/// the same bits every time.
/// @param m           2 or 4.
/// @param transposed  the adjoint, for gradients of inputs: x has shape.in channels and y shape.out; w is
///                    [in, 3, 3, out], the weights of the convolution whose output's gradient is x.
/// @param bias        [out], or null for none.
void convolve(int m, const Shape& shape, const float* x, const float* w, bool transposed, const float* bias, float* y);

/// The gradients of w and of the bias from the gradient of y. @param dw, dbias  overwritten.
void weight_gradient(int m, const Shape& shape, const float* x, const float* dy, float* dw, float* dbias);

}  // namespace monge::nn::winograd
