#include "monge/eval/kernel_distance.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"

namespace monge::eval {
namespace {

constexpr int64_t kKernelRows = 1024;  // rows of a block; bounds the memory of the kernel matrix

torch::Tensor kernel(const torch::Tensor& a_NF, const torch::Tensor& b_MF) {
  const auto inner = a_NF.matmul(b_MF.t()).div_(static_cast<double>(a_NF.size(1))).add_(1);
  return inner * inner * inner;
}

/// sum_j k(a_i, b_j), [N], and sum_i k(a_i, b_j), [M].
std::pair<torch::Tensor, torch::Tensor> cross_sums(const torch::Tensor& a_NF, const torch::Tensor& b_MF,
                                                   dist::ProcessGroup& group, const BetweenBlocks& between_blocks) {
  auto of_a = torch::zeros({a_NF.size(0)}, torch::kFloat64), of_b = torch::zeros({b_MF.size(0)}, torch::kFloat64);
  const auto own = dist::slice_of((a_NF.size(0) + kKernelRows - 1) / kKernelRows, group);
  for (int64_t i = own.begin * kKernelRows; i < std::min((own.begin + own.length) * kKernelRows, a_NF.size(0));
       i += kKernelRows) {
    for (int64_t j = 0; j < b_MF.size(0); j += kKernelRows) {
      const auto block = kernel(a_NF.slice(0, i, i + kKernelRows), b_MF.slice(0, j, j + kKernelRows));
      of_a.slice(0, i, i + kKernelRows) += block.sum(1);
      of_b.slice(0, j, j + kKernelRows) += block.sum(0);
      if (between_blocks) between_blocks();
    }
  }
  group.sum(of_a);
  group.sum(of_b);
  return {of_a, of_b};
}

/// mean_{j != i} k(a_i, a_j), [N].
torch::Tensor own_means(const torch::Tensor& a_NF, dist::ProcessGroup& group, const BetweenBlocks& between_blocks) {
  const auto scaled = a_NF.square().sum(1) / static_cast<double>(a_NF.size(1)) + 1;
  return (cross_sums(a_NF, a_NF, group, between_blocks).first - scaled * scaled * scaled) /
         static_cast<double>(a_NF.size(0) - 1);
}

torch::Tensor checked(const torch::Tensor& features_NF) {
  require(features_NF.dim() == 2 && features_NF.is_floating_point(), "features must be [N, F] floats, got ",
          features_NF.sizes());
  require(features_NF.size(0) >= 2, "a kernel distance needs at least 2 samples per side, got ", features_NF.size(0));
  require(features_NF.isfinite().all().item<bool>(), "features: NaN or infinite values");
  return features_NF.detach().to(torch::kCPU, torch::kFloat64);
}

}  // namespace

KernelDistance kernel_distance(const torch::Tensor& a_NF, const torch::Tensor& b_MF, dist::ProcessGroup& group,
                               const BetweenBlocks& between_blocks) {
  const auto a = checked(a_NF), b = checked(b_MF);
  require(a.size(1) == b.size(1), "kernel distance: samples of ", a.size(1), " and of ", b.size(1),
          " features cannot be compared");
  const auto n = static_cast<double>(a.size(0)), m = static_cast<double>(b.size(0));
  const auto within_a = own_means(a, group, between_blocks), within_b = own_means(b, group, between_blocks);
  const auto [of_a, of_b] = cross_sums(a, b, group, between_blocks);
  const auto a_to_b = of_a / m, b_to_a = of_b / n;
  const double value = (within_a.mean() + within_b.mean() - a_to_b.mean() - b_to_a.mean()).item<double>();
  const double variance =
      4 * ((within_a - a_to_b).var().item<double>() / n + (within_b - b_to_a).var().item<double>() / m);
  return {value, std::sqrt(variance)};
}

}  // namespace monge::eval
