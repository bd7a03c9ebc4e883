// Measures how much memory a training will need.
#pragma once

#include <cstdint>
#include <vector>

#include "monge/solve/options.h"

namespace monge::solve {

struct Memory {
  int64_t state = 0;  ///< bytes of both nets, their gradients, the averaged map and Adam's moments
  /// Bytes: the peak of activations, gradients and batches in one map or potential update with train.batch.
  int64_t step = 0;
};

/// Runs one map and one potential update of the options' nets on the CPU with a batch of 2, records the allocator's
/// peak and scales it to train.batch (to a piece of it with train.accumulate). This takes a few seconds for the
/// reference nets at 128 pixels. On a GPU the workspaces of convolutions need more memory on top.
Memory measure_memory(const SolverOptions& options, const std::vector<int64_t>& item_shape);

}  // namespace monge::solve
