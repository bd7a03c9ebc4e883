// How long an outer iteration takes, and how near that is to what the machine can do.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "monge/train/recipe.h"
#include "monge/train/solver.h"

namespace monge::train {

struct BenchOptions {
  int64_t warm = 5;         ///< iterations before the clock starts
  int64_t iterations = 20;  ///< timed
};

struct BenchResult {
  double ms_median = 0, ms_least = 0,
         ms_most = 0;           ///< of one outer iteration: K_T map updates and one of the potential
  double data_wait = 0;         ///< share of the time in which the iteration waited for batches
  int64_t flops = 0;            ///< of one outer iteration, see OperationCount
  double flops_per_second = 0;  ///< at the median
  double ceiling = 0;           ///< measured matrix products of large square matrices, in float32, flops per second
  int64_t peak_bytes = 0;       ///< largest resident size of the process in the host's memory
  double loss_map = 0, loss_potential = 0;  ///< of the last iteration
  bool complete = true;                     ///< false when stopped
};

/// Times a recipe's training with the given batches. The state of the nets is thrown away.
BenchResult bench(const Recipe& recipe, const std::vector<int64_t>& item_shape, const Feed& feed, torch::Device device,
                  const BenchOptions& options, const std::atomic<bool>& stop);

/// Batches without data: N(0, 1) in every entry, a fresh draw each time, in the recipe's type on the device; pictures
/// come from a pool of a few batches, as copies, because a loader does not draw normals.
Feed synthetic_feed(const Recipe& recipe, const std::vector<int64_t>& item_shape, torch::Device device);

/// Flops per second of products of square float32 matrices, the best of a few sizes and repetitions, with the threads
/// that are set.
double matrix_ceiling(torch::Device device);

}  // namespace monge::train
