// The CUDA kernels on the CPU, by the emulator: every kernel against the reference implementation, in both orders of
// its threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "bench/checks/kernel_comparison.h"
#include "monge/core/random.h"
#include "tests/support/support.h"
// After everything else:
#include "tests/support/cuda_on_cpu.h"
// The kernels and their launchers.
#include "monge/nn/ops/avg_pool.cu"
#include "monge/nn/ops/batch_norm_relu.cu"
#include "monge/nn/ops/cuda_kernels.cpp"
#include "monge/nn/ops/group_norm.cu"
#include "monge/nn/ops/leaky_residual.cu"
#include "monge/nn/ops/upsample_concat.cu"

namespace monge::nn::ops {
namespace {

using monge::testing::Emulator;
using monge::testing::message_of;

TEST(Kernels, AgreeWithTheReference) {
  const auto checks = check_table(cuda_kernel_table(), torch::kCPU, /*timed=*/false);
  EXPECT_GT(checks.size(), 100U);
  for (const auto& check : checks) EXPECT_LE(check.error, check.tolerance) << check.name;
}

// A result that depends on the order of threads and blocks shows a missing barrier, or sums in the order of arrival.
TEST(Kernels, DoNotDependOnTheOrderOfThreads) {
  const auto results = [] {
    std::vector<torch::Tensor> out;
    const auto image = [](at::IntArrayRef sizes, int64_t step) {
      return torch::randn(sizes, RandomStreams(1).at("x", step)).contiguous(torch::MemoryFormat::ChannelsLast);
    };
    const auto& kernels = cuda_kernel_table();
    const auto x = image({3, 24, 20, 20}, 1), top = image({3, 24, 20, 20}, 2);
    auto mean = torch::zeros({24}), variance = torch::ones({24});
    const auto statistics = kernels.batch_statistics(x, mean, variance, 0.1, 1e-5);
    out = {statistics.mean, statistics.invstd, mean, variance};
    for (const auto& t : kernels.normalise_relu_backward(top, x, statistics.mean, statistics.invstd, torch::ones({24}),
                                                         torch::zeros({24}), true)) {
      out.push_back(t);
    }
    const auto of_groups = kernels.group_statistics(x, 4, 1e-5);
    out.insert(out.end(), {of_groups.mean_BG, of_groups.invstd_BG});
    const auto gamma = torch::ones({3, 24}), beta = torch::zeros({3, 24});
    out.push_back(kernels.group_normalise(x, of_groups, gamma, beta, true));
    for (const auto& t : kernels.group_normalise_backward(top, x, of_groups, gamma, beta, true)) out.push_back(t);
    out.push_back(kernels.upsample_concat_backward(top, 8, 10, 10));
    out.push_back(kernels.avg_pool_backward(image({3, 8, 10, 10}, 3), 20, 20));
    return out;
  };
  const auto forwards = results();
  Emulator::backwards = true;
  const auto backwards = results();
  Emulator::backwards = false;
  for (size_t i = 0; i < forwards.size(); ++i) EXPECT_TRUE(torch::equal(forwards[i], backwards[i])) << i;
}

TEST(GroupNormKernels, KeepTheVarianceOfValuesFarFromZero) {
  const auto x = (torch::randn({2, 12, 9, 7}, RandomStreams(1).at("x", 0)) * 0.01 + 300)
                     .contiguous(torch::MemoryFormat::ChannelsLast);
  const auto found = cuda_kernel_table().group_statistics(x, 3, 1e-5);
  const auto wide = x.to(torch::kFloat64).contiguous().view({2, 3, -1});
  EXPECT_LT(testing::relative_error(found.mean_BG, wide.mean(2)), 1e-7);
  EXPECT_LT(testing::relative_error(found.invstd_BG, torch::rsqrt(wide.var(2, /*unbiased=*/false) + 1e-5)), 1e-5);
}

// More samples than the most parts of a sum.
TEST(GroupNormKernels, TakeALargeBatch) {
  const auto x =
      torch::randn({kMostSums + 1, 2, 1, 3}, RandomStreams(1).at("x", 0)).contiguous(torch::MemoryFormat::ChannelsLast);
  const auto found = cuda_kernel_table().group_statistics(x, 1, 1e-5);
  EXPECT_LT(testing::relative_error(found.mean_BG.squeeze(1), x.to(torch::kFloat64).mean({1, 2, 3})), 1e-6);
}

TEST(GroupNormKernels, AConstantGroupHasNoVariance) {
  const auto x = torch::full({2, 8, 5, 3}, 0.1).contiguous(torch::MemoryFormat::ChannelsLast);
  const auto found = cuda_kernel_table().group_statistics(x, 2, 1e-5);
  EXPECT_TRUE(torch::equal(found.mean_BG, torch::full({2, 2}, 0.1F)));
  EXPECT_LT(testing::relative_error(found.invstd_BG, torch::full({2, 2}, 1 / std::sqrt(1e-5))), 1e-6);
}

TEST(GroupNormKernels, KeepNotANumberInItsGroup) {
  const auto& kernels = cuda_kernel_table();
  auto x = torch::randn({2, 8, 5, 3}, RandomStreams(1).at("x", 0)).contiguous(torch::MemoryFormat::ChannelsLast);
  for (const double fault : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    x[1][5][2][1] = fault;
    const auto statistics = kernels.group_statistics(x, 2, 1e-5);
    for (const bool is_silu : {true, false}) {
      const auto y = kernels.group_normalise(x, statistics, torch::ones({2, 8}), torch::zeros({2, 8}), is_silu);
      EXPECT_TRUE(torch::isnan(y[1].narrow(0, 4, 4)).all().item<bool>());
      EXPECT_FALSE(torch::isnan(y[0]).any().item<bool>());
      EXPECT_FALSE(torch::isnan(y[1].narrow(0, 0, 4)).any().item<bool>());
    }
  }
}

// The emulator itself: it must detect the faults that it is made for.

void reverse(const int* from, int* to) {
  __shared__ int held[64];
  held[threadIdx.x] = from[threadIdx.x];
  __syncthreads();
  to[threadIdx.x] = held[63 - threadIdx.x];
}
void reverse_without_barrier(const int* from, int* to) {
  __shared__ int held[64];
  held[threadIdx.x] = from[threadIdx.x];
  to[threadIdx.x] = held[63 - threadIdx.x];
}
void half_at_a_barrier(const int*, int*) {
  if (threadIdx.x < 32) __syncthreads();
}
void lanes(const int* from, int* to) {
  const float mine = static_cast<float>(from[threadIdx.x]);
  float sum = mine;
  for (unsigned apart = 16; apart > 0; apart /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, apart);
  to[threadIdx.x] = static_cast<int>(sum + 1000 * __shfl_down_sync(0xffffffffU, mine, 1));
}

std::vector<int> emulated_run(void (*kernel)(const int*, int*)) {
  std::vector<int> from(64), to(64, -1);
  for (int i = 0; i < 64; ++i) from[static_cast<size_t>(i)] = i + 1;
  launch(kernel, dim3(1), dim3(64), nullptr, from.data(), to.data());
  return to;
}

TEST(Emulator, KeepsBarriers) {
  const auto right = emulated_run(reverse);
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(right[i], 64 - static_cast<int>(i));
  EXPECT_NE(emulated_run(reverse_without_barrier), right);
  EXPECT_THAT(message_of([] { emulated_run(half_at_a_barrier); }), ::testing::HasSubstr("others never reach"));
}

TEST(Emulator, ExchangesWithinAWarp) {
  const auto found = emulated_run(lanes);
  EXPECT_EQ(found[0], 32 * 33 / 2 + 1000 * 2);
  EXPECT_EQ(found[31], 32 * 33 / 2 + 1000 * 32);  // beyond the warp a lane gets its own
  EXPECT_EQ(found[32], 32 * 33 / 2 + 32 * 32 + 1000 * 34);
}

}  // namespace
}  // namespace monge::nn::ops
