// How much memory a training will need, measured and not guessed.
#pragma once

#include <cstdint>
#include <vector>

#include "monge/solve/options.h"

namespace monge::solve {

struct Memory {
  int64_t state = 0;  ///< bytes: both nets, the map's average and Adam's moments
  int64_t step =
      0;  ///< bytes: peak of activations, gradients and batches in one map or potential update with train.batch
};

/// Runs one map and one potential update of the nets of the options on the CPU with a batch of 2, watching the
/// allocator, and scales what is beyond the gradients to train.batch (a piece of it with train.accumulate). A few
/// seconds for the reference nets at 128 pixels. Convolution workspaces on a GPU come on top.
Memory measure_memory(const SolverOptions& options, const std::vector<int64_t>& item_shape);

}  // namespace monge::solve
