// How much memory a training will need, measured and not guessed.
#pragma once

#include <cstdint>
#include <vector>

#include "monge/train/recipe.h"

namespace monge::solve {

struct Memory {
  int64_t state = 0;  ///< bytes: both nets, the map's average and Adam's moments
  int64_t step =
      0;  ///< bytes: peak of activations, gradients and batches in one map or potential update of the recipe's batch
};

/// Runs one map and one potential update of the recipe's nets on the CPU with a batch of 2, watching the allocator, and
/// scales what is beyond the gradients to the recipe's batch (a piece of it with train.accumulate). A few seconds for
/// the reference nets at 128 pixels. Convolution workspaces on a GPU come on top.
Memory measure_memory(const train::Recipe& recipe, const std::vector<int64_t>& item_shape);

}  // namespace monge::solve
