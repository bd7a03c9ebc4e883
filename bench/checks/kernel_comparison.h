// Compares the fused kernels of a device with the reference implementations: for tests without a GPU (emulated
// kernels), for the CPU's kernels, and for script/gpu-check on a GPU, which has no test framework.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {

struct KernelCheck {
  std::string name;         ///< "batch_norm_relu.backward bf16 [2, 48, 32, 32]"
  double error = 0;         ///< the largest over the outputs, defined below
  double tolerance = 0;     ///< 1e-5 in float32, 1e-3 in bfloat16
  double reference_ms = 0;  ///< of the reference implementation in the same type; 0 if not timed (only CUDA is)
  double kernel_ms = 0;
  bool passed() const { return error <= tolerance; }
};

/// Checks every operator of the table, forward and backward, on odd shapes, tiny ones and shapes of several blocks.
///
/// The exact result is that of the reference implementation in float64 for the same (rounded) inputs. The error is
/// max |found - exact| / max |exact|. Any bfloat16 result is rounded by up to 2^-8 of itself when it is stored. This
/// part of every entry does not count as an error; the rest may be 1e-3 of the largest entry. If an activation's
/// argument is within 1e-4 of its bend, the gradient there is 0, because rounding decides on which side it is.
/// @param timed  checks and times the shapes of training at 128 pixels too; for a GPU.
std::vector<KernelCheck> check_table(const KernelTable& kernels, torch::Device device, bool timed);

/// check_table() of the device's own table, timed on CUDA. Empty for CUDA in a build without it.
std::vector<KernelCheck> check_kernels(torch::Device device);

}  // namespace monge::nn::ops
