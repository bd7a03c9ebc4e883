// The fused forms of one kind of device behind one table, so that an operator is one autograd function whatever runs
// it, and one list of comparisons (bench/checks/kernel_comparison.h) tests them all.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>

namespace monge::nn::ops {

/// Fused forms without a graph; a null entry means that the plain form is as fast or faster there. Images are dense
/// channels_last, float32 or (with `bf16`) bfloat16; parameters and statistics float32; all on one device. Callers
/// check this: operators hand whatever else comes to their plain form. What each computes stands in the operator's
/// header.
struct KernelTable {
  using Tensor = torch::Tensor;
  bool bf16 = false;

  struct Statistics {
    Tensor mean, invstd;  ///< [C]
  };
  /// Of x; moves the running statistics by `momentum` towards them.
  Statistics (*batch_statistics)(const Tensor& x, const Tensor& running_mean, const Tensor& running_variance,
                                 double momentum, double eps) = nullptr;
  Tensor (*normalise_relu)(const Tensor& x, const Tensor& mean, const Tensor& invstd, const Tensor& weight,
                           const Tensor& bias) = nullptr;
  /// Gradients of x, weight and bias; with `training` through the statistics too.
  std::array<Tensor, 3> (*normalise_relu_backward)(const Tensor& gradient, const Tensor& x, const Tensor& mean,
                                                   const Tensor& invstd, const Tensor& weight, const Tensor& bias,
                                                   bool training) = nullptr;

  Tensor (*upsample_concat)(const Tensor& skip, const Tensor& low) = nullptr;
  /// Gradient of low alone: that of skip is a slice of `gradient`.
  Tensor (*upsample_concat_backward)(const Tensor& gradient, int64_t skip_channels, int64_t low_height,
                                     int64_t low_width) = nullptr;

  Tensor (*avg_pool)(const Tensor& x) = nullptr;
  Tensor (*avg_pool_backward)(const Tensor& gradient, int64_t height, int64_t width) = nullptr;

  /// `out` may be dx.
  void (*leaky_residual)(const Tensor& shortcut, const Tensor& dx, double ratio, double slope,
                         const Tensor& out) = nullptr;
  /// Gradients of shortcut and dx, undefined where not wanted.
  std::array<Tensor, 2> (*leaky_residual_backward)(const Tensor& gradient, const Tensor& out, double ratio,
                                                   double slope, std::array<bool, 2> wanted) = nullptr;
};

const KernelTable& cpu_kernels();
/// Null in a build without CUDA.
const KernelTable* cuda_kernels();

/// The table for tensors like t, or an empty one: another device, another type.
const KernelTable& forms_for(const torch::Tensor& t);

/// [B, C, H, W] dense in channels_last, and not empty.
inline bool is_nhwc(const torch::Tensor& t) {
  return t.dim() == 4 && t.numel() > 0 && t.is_contiguous(torch::MemoryFormat::ChannelsLast);
}

}  // namespace monge::nn::ops
