// Named random streams: a draw is a pure function of (seed, purpose, step).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string_view>

namespace monge {

/// A 64-bit seed for (seed, purpose, step): FNV-1a over the purpose, mixed by SplitMix64's finaliser. Different triples
/// give different seeds.
uint64_t stream_seed(uint64_t seed, std::string_view purpose, int64_t step);

/// Gives generators by purpose and step. There is no state to save: two objects with one seed give the same draws, in
/// any order. An additional image or a skipped batch changes no later sample.
class RandomStreams {
 public:
  explicit RandomStreams(uint64_t seed, torch::Device device = torch::kCPU) : seed_(seed), device_(device) {}

  /// A fresh generator at the start of its stream.
  torch::Generator at(std::string_view purpose, int64_t step) const;

  uint64_t seed() const { return seed_; }
  torch::Device device() const { return device_; }

 private:
  uint64_t seed_;
  torch::Device device_;
};

}  // namespace monge
