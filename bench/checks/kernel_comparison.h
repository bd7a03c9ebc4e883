// Compares the fused forms of a device with the plain forms: for tests without a GPU (emulated kernels), for the CPU's
// forms, and for script/gpu-check on a real GPU, which has no test framework.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {

struct KernelCheck {
  std::string name;      ///< "batch_norm_relu.backward bf16 [2, 48, 32, 32]"
  double error = 0;      ///< worst over outputs, as below
  double tolerance = 0;  ///< 1e-5 in float32, 1e-3 in bfloat16
  double plain_ms = 0;   ///< by LibTorch's operators in the same type; 0 where not measured (only CUDA is)
  double kernel_ms = 0;
  bool passed() const { return error <= tolerance; }
};

/// Every operator of the table, forward and backward, on odd, tiny and several blocks' worth of shapes.
///
/// The measure is the plain form in float64 from the same (rounded) inputs, and the error max |found - exact| over
/// max |exact|. A bfloat16 result is rounded once when it is stored, by up to 2^-8 of itself whoever computes it: that
/// much of every entry is no error, and what is beyond it may be 1e-3 of the largest. Where an activation's argument is
/// within 1e-4 of its bend the gradient handed down is 0, because rounding decides there which side it is on.
/// @param timed  also the shapes of training at 128 pixels, with times; for a GPU.
std::vector<KernelCheck> check_forms(const KernelTable& forms, torch::Device device, bool timed);

/// check_forms() of the device's own table, timed on CUDA; empty for CUDA in a build without it.
std::vector<KernelCheck> check_kernels(torch::Device device);

}  // namespace monge::nn::ops
