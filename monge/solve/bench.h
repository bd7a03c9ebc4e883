// Times an outer iteration and compares it with the peak rate of the machine's matrix products.
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
  int64_t warm = 5;         ///< iterations before the clock starts; the fourth captures a graph (see GraphCache)
  int64_t iterations = 20;  ///< iterations that are timed
};

struct BenchResult {
  /// Milliseconds of one outer iteration: K_T map updates and one potential update.
  double ms_median = 0, ms_least = 0, ms_most = 0;
  double data_wait = 0;  ///< fraction of the time in which the iterations waited for batches
  int64_t flops = 0;     ///< of one outer iteration, see OperationCount
  int64_t bytes = 0;     ///< of one outer iteration: an upper bound of the traffic with memory
  /// On CUDA the largest number of bytes that LibTorch's allocator held, else the largest resident size of the process.
  int64_t peak_bytes = 0;
  std::optional<int64_t> kernel_launches;   ///< of one outer iteration; set if it was replayed as a graph
  double ceiling = 0;                       ///< flops per second of matrix products in the recipe's precision
  double ceiling_fp32 = 0;                  ///< the same in float32 (with TF32 if that is switched on)
  std::optional<double> ceiling_bf16;       ///< the same in bfloat16; set on CUDA
  double loss_map = 0, loss_potential = 0;  ///< of the last iteration
  bool complete = true;                     ///< false if `stop` ended the run early

  double flops_per_second() const { return 1e3 * static_cast<double>(flops) / ms_median; }
};

/// Times the training of a recipe with the given batches. The trained nets are thrown away.
/// @param recipe  with a resolved precision (see resolve_precision).
/// @param group   all ranks call this, each with its part of the batches.
BenchResult bench(const SolverOptions& recipe, const std::vector<int64_t>& item_shape, const BatchProvider& batches,
                  torch::Device device, const BenchOptions& options, const std::atomic<bool>& stop,
                  dist::ProcessGroup& group = dist::ProcessGroup::single());

/// The result under the names of `monge bench --json` and bench_step; this function alone defines them. Values that the
/// device does not provide are null.
NamedValues bench_values(const BenchResult& result, const SolverOptions& recipe, torch::Device device,
                         const BenchOptions& options);

/// Batches without data: N(0, 1) in every entry, in the recipe's type on the device. Vectors are drawn afresh for each
/// step. Images are copies from a pool of a few batches, because a loader would not draw normals either.
BatchProvider synthetic_batches(const SolverOptions& recipe, const std::vector<int64_t>& item_shape,
                                torch::Device device);

/// Sets a noise level that the options leave to the data, so that they can be used without data.
void make_synthetic(SolverOptions& options);

/// Flops per second of products of square matrices of the type, with the current threads and TF32 setting: the best of
/// a few sizes (512 to 2,048 rows, on CUDA 4,096 to 8,192) and repetitions. Stops after two seconds.
double matrix_ceiling(torch::Device device, torch::ScalarType type = torch::kFloat32);

}  // namespace monge::solve
