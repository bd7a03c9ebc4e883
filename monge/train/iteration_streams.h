// The random streams of one outer iteration, held so that a captured graph can draw from them again.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/random.h"

namespace monge::train {

/// One generator for each purpose and place in an iteration. Draws are those of RandomStreams::at(purpose, step).
class IterationStreams {
 public:
  IterationStreams(uint64_t seed, torch::Device device) : streams_(seed, device) {}

  /// Sets all generators to the start of their streams for the iteration whose first step is `first`.
  void begin(int64_t first);

  /// That of step first + `place`. To be drawn from once an iteration.
  const torch::Generator& at(const char* purpose, int64_t place);

  /// All that there are.
  std::vector<torch::Generator> all() const;

 private:
  RandomStreams streams_;
  std::map<std::pair<std::string, int64_t>, torch::Generator> held_;
  int64_t first_ = 0;
};

}  // namespace monge::train
