// A batch in pieces whose gradients and metrics are added (train.accumulate).
#pragma once

#include <torch/types.h>

#include <algorithm>
#include <cstdint>

namespace monge::solve {

/// Calls action(begin, length) for each piece of a batch.
template <class Action>
void for_pieces(int64_t batch, int64_t pieces, Action&& action) {
  const int64_t size = (batch + pieces - 1) / pieces;
  for (int64_t begin = 0; begin < batch; begin += size) action(begin, std::min(size, batch - begin));
}

/// sum += fraction * value, without a graph.
inline void add_part(torch::Tensor& sum, const torch::Tensor& value, double fraction) {
  const auto part = fraction == 1 ? value.detach() : value.detach() * fraction;
  sum = sum.defined() ? sum + part : part;
}

}  // namespace monge::solve
