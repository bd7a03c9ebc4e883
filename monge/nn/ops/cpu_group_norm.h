// The CPU kernels of group norm, for the table of cpu_kernels.cpp. kernel_table.h says what they compute.
#pragma once

#include <array>

#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {

GroupStatistics cpu_group_statistics(const torch::Tensor& x, int64_t groups, double eps);
torch::Tensor cpu_group_normalise(const torch::Tensor& x, const GroupStatistics& statistics,
                                  const torch::Tensor& gamma_BC, const torch::Tensor& beta_BC, bool is_silu);
std::array<torch::Tensor, 3> cpu_group_normalise_backward(const torch::Tensor& gradient, const torch::Tensor& x,
                                                          const GroupStatistics& statistics,
                                                          const torch::Tensor& gamma_BC, const torch::Tensor& beta_BC,
                                                          bool is_silu);

}  // namespace monge::nn::ops
