// The random streams of one outer iteration, held so that a captured graph can draw from them again.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "monge/core/item_draws.h"
#include "monge/core/random.h"
#include "monge/dist/process_group.h"

namespace monge::solve {

/// One generator for each purpose, place in an iteration and block of items. Those of the first block are
/// RandomStreams::at(purpose, step).
class IterationStreams {
 public:
  IterationStreams(uint64_t seed, torch::Device device) : streams_(seed, device) {}

  /// Sets all generators to the start of their streams for the iteration whose first step is `first`.
  void begin(int64_t first);

  /// Draws of step first + `place` for a part of its batch. To be drawn from once an iteration.
  /// @param of_whole  draws for the whole batch will be asked for, too.
  ItemDraws at(const char* purpose, int64_t place, const dist::Slice& share, bool of_whole = false);

  /// All that there are.
  std::vector<torch::Generator> all() const;

 private:
  RandomStreams streams_;
  torch::Generator generator(const char* purpose, int64_t place, int64_t block);

  struct Key {
    std::string purpose;  ///< with the block, where it is not the first
    int64_t place;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, torch::Generator> held_;
  int64_t first_ = 0;
};

}  // namespace monge::solve
