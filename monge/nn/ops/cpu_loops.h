// The inner loops of the operators' CPU forms: float32, NHWC rows, one thread, in the vectors of the machine they run
// on.
#pragma once

#include <cstdint>

namespace monge::nn::ops {

/// Adds the sums of x - pivot and of its square over rows to sum and square [channels]. In doubles after some rows: a
/// million rows lose no figures.
void add_sums(const float* x, int64_t rows, int64_t channels, const float* pivot, double* sum, double* square);

/// What a normalised channel is made of, [channels] each: max(0, (x - mean) scale + shift).
struct ChannelLine {
  const float* mean;
  const float* scale;
  const float* shift;
};
void normalise_rows(const float* x, int64_t rows, int64_t channels, const ChannelLine& line, float* y);
/// Adds the sums of g and of g (x - mean), g being the gradient where the output is above 0.
void add_gradient_sums(const float* gradient, const float* x, int64_t rows, int64_t channels, const ChannelLine& line,
                       double* sum, double* product);
/// to <- (g - plain - (x - mean) sloped) scale.
void chain_normalise_rows(const float* gradient, const float* x, int64_t rows, int64_t channels,
                          const ChannelLine& line, const float* plain, const float* sloped, float* to);

void leaky_residual_run(const float* shortcut, const float* dx, int64_t count, float ratio, float slope, float* out);
/// Either output may be null.
void leaky_residual_backward_run(const float* gradient, const float* out, int64_t count, float ratio, float slope,
                                 float* to_shortcut, float* to_dx);

/// out <- a (1 - share) + b share.
void blend(const float* a, const float* b, float share, int64_t count, float* out);
/// out <- sum of weights[i] from[i], `terms` of them, each of `count` numbers.
void weighted_sum(const float* const* from, const float* weights, int terms, int64_t count, float* out);

}  // namespace monge::nn::ops
