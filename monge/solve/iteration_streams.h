// The random streams of an outer iteration. The generators are kept, so that a captured graph can draw from them again.
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

/// One generator for each purpose, place in an iteration and block of items. The generator of the first block has the
/// stream RandomStreams::at(purpose, step).
class IterationStreams {
 public:
  IterationStreams(uint64_t seed, torch::Device device) : streams_(seed, device) {}

  /// Moves all generators to the start of their streams for the iteration whose first step is `first`.
  void begin(int64_t first);

  /// The draws of step first + `place` for a slice of its batch. Use each at most once in an iteration.
  /// @param of_whole  whether the caller also needs draws for the whole batch.
  ItemDraws at(const char* purpose, int64_t place, const dist::Slice& slice, bool of_whole = false);

  /// All generators so far.
  std::vector<torch::Generator> all() const;

 private:
  RandomStreams streams_;
  torch::Generator generator(const char* purpose, int64_t place, int64_t block);

  struct Key {
    std::string purpose;  ///< followed by the block's number, except for the first block
    int64_t place;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, torch::Generator> held_;
  int64_t first_ = 0;
};

}  // namespace monge::solve
