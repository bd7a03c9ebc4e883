#include "monge/train/iteration_streams.h"

namespace monge::train {

void IterationStreams::begin(int64_t first) {
  first_ = first;
  for (auto& [key, generator] : held_) {
    generator.set_current_seed(stream_seed(streams_.seed(), key.first, first + key.second));
  }
}

const torch::Generator& IterationStreams::at(const char* purpose, int64_t place) {
  const auto key = std::pair(std::string(purpose), place);
  const auto found = held_.find(key);
  if (found != held_.end()) return found->second;
  return held_.emplace(key, streams_.at(purpose, first_ + place)).first->second;
}

std::vector<torch::Generator> IterationStreams::all() const {
  std::vector<torch::Generator> out;
  for (const auto& entry : held_) out.push_back(entry.second);
  return out;
}

}  // namespace monge::train
