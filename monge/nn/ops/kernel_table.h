// The fused kernels of a device in one table. An operator is then one autograd function for all devices, and one list
// of comparisons (bench/checks/kernel_comparison.h) tests all kernels.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>

namespace monge::nn::ops {

/// Mean and 1 / sqrt(variance + eps) of each group of each sample, [B, G].
struct GroupStatistics {
  torch::Tensor mean_BG, invstd_BG;
};

/// Fused kernels, without autograd. If an entry is null, the reference implementation is at least as fast. Images are
/// dense channels_last, in float32 or (with `bf16`) bfloat16; parameters and statistics are float32; all are on one
/// device. The caller must check this: operators call their reference implementation for other inputs. The header of
/// each operator defines what it computes.
struct KernelTable {
  using Tensor = torch::Tensor;
  bool bf16 = false;

  struct Statistics {
    Tensor mean, invstd;  ///< [C]
  };
  /// The statistics of x; moves the running statistics towards them by `momentum`.
  Statistics (*batch_statistics)(const Tensor& x, const Tensor& running_mean, const Tensor& running_variance,
                                 double momentum, double eps) = nullptr;
  Tensor (*normalise_relu)(const Tensor& x, const Tensor& mean, const Tensor& invstd, const Tensor& weight,
                           const Tensor& bias) = nullptr;
  /// Gradients of x, weight and bias, with `training` also through the statistics.
  std::array<Tensor, 3> (*normalise_relu_backward)(const Tensor& gradient, const Tensor& x, const Tensor& mean,
                                                   const Tensor& invstd, const Tensor& weight, const Tensor& bias,
                                                   bool training) = nullptr;

  /// act((x - mean) invstd gamma + beta) with the statistics of groups, and the gradients of x, gamma and beta, also
  /// through the statistics. gamma and beta are [B, C]. act is SiLU or ReLU.
  GroupStatistics (*group_statistics)(const Tensor& x, int64_t groups, double eps) = nullptr;
  Tensor (*group_normalise)(const Tensor& x, const GroupStatistics& statistics, const Tensor& gamma_BC,
                            const Tensor& beta_BC, bool is_silu) = nullptr;
  std::array<Tensor, 3> (*group_normalise_backward)(const Tensor& gradient, const Tensor& x,
                                                    const GroupStatistics& statistics, const Tensor& gamma_BC,
                                                    const Tensor& beta_BC, bool is_silu) = nullptr;

  Tensor (*upsample_concat)(const Tensor& skip, const Tensor& low) = nullptr;
  /// The gradient of low; that of skip is a slice of `gradient`.
  Tensor (*upsample_concat_backward)(const Tensor& gradient, int64_t skip_channels, int64_t low_height,
                                     int64_t low_width) = nullptr;

  Tensor (*avg_pool)(const Tensor& x) = nullptr;
  Tensor (*avg_pool_backward)(const Tensor& gradient, int64_t height, int64_t width) = nullptr;

  /// `out` may be dx.
  void (*leaky_residual)(const Tensor& shortcut, const Tensor& dx, double ratio, double slope,
                         const Tensor& out) = nullptr;
  /// Gradients of shortcut and dx; undefined if not wanted.
  std::array<Tensor, 2> (*leaky_residual_backward)(const Tensor& gradient, const Tensor& out, double ratio,
                                                   double slope, std::array<bool, 2> wanted) = nullptr;
};

const KernelTable& cpu_kernels();
/// Null in a build without CUDA.
const KernelTable* cuda_kernels();

/// The table for tensors like t; an empty one for another device or type.
const KernelTable& kernels_for(const torch::Tensor& t);

/// Whether t is [B, C, H, W], dense in channels_last and not empty.
inline bool is_nhwc(const torch::Tensor& t) {
  return t.dim() == 4 && t.numel() > 0 && t.is_contiguous(torch::MemoryFormat::ChannelsLast);
}

}  // namespace monge::nn::ops
