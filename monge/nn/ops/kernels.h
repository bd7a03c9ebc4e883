// Launchers of the hand-written CUDA kernels, on raw device pointers. Each returns 0 or the CUDA runtime's error, does
// not wait, allocates nothing and may be captured in a graph. Images are dense NHWC, [rows = B H W, channels]; T is
// float or Bf16. Sums and statistics are float, and sums of partial sums double. There are no atomics, so results do
// not depend on timing. `stream` is a cudaStream_t.
#pragma once

#include <cstdint>

// The tests compile these files a second time for the CPU, under another name.
#ifndef MONGE_KERNELS
#define MONGE_KERNELS on_device
#endif

namespace monge::nn::ops {

/// The bits of a bfloat16.
struct Bf16 {
  uint16_t bits;
};

/// The place of the enlarged image in the skip's frame.
struct Frame {
  int batch, height, width;   ///< of the skip and of the output
  int low_height, low_width;  ///< of the image to be enlarged
  int up_height, up_width;    ///< of the enlarged image, at most the frame
  int top, left;              ///< number of zeros above and to the left of it
  int skip_channels, low_channels;
};

/// Sizes of images whose channels are divided into groups.
struct GroupedImages {
  int64_t batch, rows;  ///< rows: the pixels of one sample
  int channels, groups;
};

/// The affine map of a group norm: (x - mean) invstd gamma + beta.
struct GroupAffine {
  const float *mean, *invstd;  ///< [batch, groups]
  const float *gamma, *beta;   ///< [batch, channels], or [channels] unless `per_sample`
  bool per_sample;
};

inline namespace MONGE_KERNELS {

// ---- batch_norm_relu.cu

/// The largest number of parts of a sum over rows; its scratch memory is [2, kMostSums, channels] floats.
constexpr int64_t kMostSums = 528;

/// mean, invstd [channels] <- statistics of x; running <- (1 - momentum) running + momentum (mean, unbiased variance).
template <class T>
int launch_batch_statistics(const T* x, int64_t rows, int channels, float momentum, float eps, float* mean,
                            float* invstd, float* running_mean, float* running_variance, float* scratch, void* stream);

/// y <- max(0, (x - mean) invstd weight + bias).
template <class T>
int launch_normalise_relu(const T* x, int64_t rows, int channels, const float* mean, const float* invstd,
                          const float* weight, const float* bias, T* y, void* stream);

/// Gradients of the above from the gradient of y. With `training`, mean and invstd are functions of x.
/// @param scratch  also holds two rows of coefficients: [2 * kMostSums + 2, channels].
template <class T>
int launch_normalise_relu_backward(const T* gradient_y, const T* x, int64_t rows, int channels, const float* mean,
                                   const float* invstd, const float* weight, const float* bias, bool training,
                                   T* gradient_x, float* gradient_weight, float* gradient_bias, float* scratch,
                                   void* stream);

// ---- group_norm.cu

/// The largest number of parts of all samples in the sums of a group norm; its scratch memory is [2, this, channels].
constexpr int64_t most_group_sums(int64_t batch) { return batch > kMostSums ? batch : kMostSums; }

/// mean, invstd [batch, groups] <- statistics of each group of each sample.
template <class T>
int launch_group_statistics(const T* x, const GroupedImages& images, float eps, float* mean, float* invstd,
                            float* scratch, void* stream);

/// y <- act((x - mean) invstd gamma + beta); act is SiLU or ReLU.
template <class T>
int launch_group_normalise(const T* x, const GroupedImages& images, const GroupAffine& affine, bool is_silu, T* y,
                           void* stream);

/// Gradients of the above, also through the statistics, from the gradient of y.
/// @param gradient_gamma  [batch, channels] even if gamma is shared, as gradient_beta.
/// @param coefficients    scratch memory, [2, batch, groups].
template <class T>
int launch_group_normalise_backward(const T* gradient_y, const T* x, const GroupedImages& images,
                                    const GroupAffine& affine, bool is_silu, T* gradient_x, float* gradient_gamma,
                                    float* gradient_beta, float* scratch, float* coefficients, void* stream);

// ---- upsample_concat.cu

/// out [batch, height, width, skip + low channels] <- skip, then low enlarged with aligned corners.
template <class T>
int launch_upsample_concat(const T* skip, const T* low, const Frame& frame, T* out, void* stream);

/// Gradient of low from that of out.
template <class T>
int launch_upsample_concat_backward(const T* gradient_out, const Frame& frame, T* gradient_low, void* stream);

// ---- avg_pool.cu: 3 x 3, stride 2, a border of one zero that is counted

template <class T>
int launch_avg_pool(const T* x, int batch, int height, int width, int channels, T* out, void* stream);
template <class T>
int launch_avg_pool_backward(const T* gradient_out, int batch, int height, int width, int channels, T* gradient_x,
                             void* stream);

// ---- leaky_residual.cu

/// out <- lrelu(shortcut + ratio dx). out may be dx.
template <class T>
int launch_leaky_residual(const T* shortcut, const T* dx, int64_t count, float ratio, float slope, T* out,
                          void* stream);
/// Gradients from the gradient of out; the sign of out is that of the activation's argument. Either output may be null.
template <class T>
int launch_leaky_residual_backward(const T* gradient_out, const T* out, int64_t count, float ratio, float slope,
                                   T* gradient_shortcut, T* gradient_dx, void* stream);

}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops
