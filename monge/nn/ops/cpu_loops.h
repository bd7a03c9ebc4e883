// The inner loops of the operators' CPU kernels: float32, NHWC rows, one thread, with the processor's widest vectors.
#pragma once

#include <cstdint>

namespace monge::nn::ops {

/// Adds the sums of x - pivot and of its square over rows to sum and square [channels]. Partial sums of a few rows are
/// added in double, so that a million rows lose no digits.
void add_sums(const float* x, int64_t rows, int64_t channels, const float* pivot, double* sum, double* square);

/// The affine maps of the normalised channels, [channels] each: y = max(0, (x - mean) scale + shift).
struct ChannelAffine {
  const float* mean;
  const float* scale;
  const float* shift;
};
void normalise_rows(const float* x, int64_t rows, int64_t channels, const ChannelAffine& line, float* y);
/// Adds the sums of g and of g (x - mean) over rows, where g is the gradient if the output is above 0, else 0.
void add_gradient_sums(const float* gradient, const float* x, int64_t rows, int64_t channels, const ChannelAffine& line,
                       double* sum, double* product);
/// to <- (g - offset - (x - mean) slope) scale, with g as above: the gradient of x.
void normalise_rows_backward(const float* gradient, const float* x, int64_t rows, int64_t channels,
                             const ChannelAffine& line, const float* offset, const float* slope, float* to);

// The same with silu(z) = z / (1 + e^-z) in place of max(0, z), and the gradient of x for statistics of groups:
// to <- g scale - offset - (x - mean) slope.
void normalise_rows_silu(const float* x, int64_t rows, int64_t channels, const ChannelAffine& line, float* y);
void add_gradient_sums_silu(const float* gradient, const float* x, int64_t rows, int64_t channels,
                            const ChannelAffine& line, double* sum, double* product);
void group_rows_backward(const float* gradient, const float* x, int64_t rows, int64_t channels,
                         const ChannelAffine& line, const float* offset, const float* slope, float* to);
void group_rows_backward_silu(const float* gradient, const float* x, int64_t rows, int64_t channels,
                              const ChannelAffine& line, const float* offset, const float* slope, float* to);

void leaky_residual_run(const float* shortcut, const float* dx, int64_t count, float ratio, float slope, float* out);
/// The gradients of shortcut and dx; either output may be null.
void leaky_residual_backward_run(const float* gradient, const float* out, int64_t count, float ratio, float slope,
                                 float* to_shortcut, float* to_dx);

/// out <- a (1 - fraction) + b fraction.
void blend(const float* a, const float* b, float fraction, int64_t count, float* out);
/// out <- the sum of weights[i] from[i] over `terms` arrays of `count` numbers.
void weighted_sum(const float* const* from, const float* weights, int terms, int64_t count, float* out);

}  // namespace monge::nn::ops
