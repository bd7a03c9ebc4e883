// How long an outer iteration takes, and how near that is to what the machine can do.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "monge/core/named_values.h"
#include "monge/solve/options.h"
#include "monge/solve/solver.h"

namespace monge::solve {

struct BenchOptions {
  int64_t warm = 5;         ///< iterations before the clock starts; a graph is captured in the fourth (see GraphCache)
  int64_t iterations = 20;  ///< timed
};

struct BenchResult {
  double ms_median = 0, ms_least = 0,
         ms_most = 0;      ///< of one outer iteration: K_T map updates and one of the potential
  double data_wait = 0;    ///< share of the time in which the iteration waited for batches
  int64_t flops = 0;       ///< of one outer iteration, see OperationCount
  int64_t bytes = 0;       ///< the same, an upper bound of the traffic with memory
  int64_t peak_bytes = 0;  ///< on CUDA what LibTorch's allocator held at most, else the process's largest resident size
  std::optional<int64_t> kernel_launches;   ///< of one outer iteration, where it was replayed as a graph
  double ceiling = 0;                       ///< flops per second of matrix products in the recipe's own precision
  double ceiling_fp32 = 0;                  ///< the same in float32 (with TF32 where it is switched on)
  std::optional<double> ceiling_bf16;       ///< on CUDA
  double loss_map = 0, loss_potential = 0;  ///< of the last iteration
  bool complete = true;                     ///< false when stopped

  double flops_per_second() const { return 1e3 * static_cast<double>(flops) / ms_median; }
};

/// Times a recipe's training with the given batches. The state of the nets is thrown away.
/// @param recipe  its precision resolved (see resolve_precision).
/// @param group   all ranks call this with their part of the batches.
BenchResult bench(const SolverOptions& recipe, const std::vector<int64_t>& item_shape, const BatchProvider& feed,
                  torch::Device device, const BenchOptions& options, const std::atomic<bool>& stop,
                  dist::ProcessGroup& group = dist::ProcessGroup::single());

/// The result under the names of `monge bench --json` and bench_step, the only place where they stand. Figures that
/// this device does not give are null.
NamedValues bench_values(const BenchResult& result, const SolverOptions& recipe, torch::Device device,
                         const BenchOptions& options);

/// Batches without data: N(0, 1) in every entry, a fresh draw each time, in the recipe's type on the device; images
/// come from a pool of a few batches, as copies, because a loader does not draw normals.
BatchProvider synthetic_feed(const SolverOptions& recipe, const std::vector<int64_t>& item_shape, torch::Device device);

/// Fills what options without data leave open: a noise level that is left to the data.
void make_synthetic(SolverOptions& options);

/// Flops per second of products of square matrices of the type, the best of a few sizes (512 to 2,048 rows, on CUDA
/// 4,096 to 8,192) and repetitions, with the threads and the TF32 setting that are in force. Takes no further size once
/// two seconds have passed.
double matrix_ceiling(torch::Device device, torch::ScalarType type = torch::kFloat32);

}  // namespace monge::solve
