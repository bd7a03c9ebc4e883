// The values of train.precision, and what follows from each.
#pragma once

#include <torch/types.h>

#include <string>

#include "monge/core/log.h"
#include "monge/core/value_names.h"
#include "monge/nn/gemm.h"

namespace monge::solve {

enum class Precision { automatic, fp32, bf16x6, bf16x3, bf16, fp16, fp64 };

/// "auto", "fp32", "bf16x6", "bf16x3", "bf16", "fp16", "fp64".
const ValueNames<Precision>& precision_names();

/// Resolves "auto" to what the device computes fast: bf16 on CUDA and on processors with AMX that the system lets us
/// use, else fp32. On a CPU "fp16" becomes fp32, with a warning to `log`: a CPU computes fp16 slowly and without loss
/// scaling. So do "bf16x6" and "bf16x3" where there are no matrix units for them. Other values are returned unchanged.
std::string resolve_precision(const std::string& precision, torch::Device device, const LogSink& log = silent());

/// The scalar type of weights, batches and losses: float64 for "fp64", else float32.
torch::ScalarType state_type(const std::string& precision);

/// The scalar type of matrix products and convolutions: that of bf16, fp16 and fp64, else float32.
torch::ScalarType product_type(const std::string& precision);

/// How the fused passes of networks for vectors multiply: as "bf16x6" and "bf16x3" say, else in float32.
nn::gemm::ProductPrecision products_of(const std::string& precision);

/// Whether the loss is scaled, because gradients in fp16 would underflow. Updates may then be skipped.
bool scales_loss(const std::string& precision, torch::Device device);

}  // namespace monge::solve
