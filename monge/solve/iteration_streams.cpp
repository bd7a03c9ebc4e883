#include "monge/solve/iteration_streams.h"

namespace monge::solve {

void IterationStreams::begin(int64_t first) {
  first_ = first;
  for (auto& [key, generator] : held_) {
    generator.set_current_seed(stream_seed(streams_.seed(), key.purpose, first + key.place));
  }
}

torch::Generator IterationStreams::generator(const char* purpose, int64_t place, int64_t block) {
  const Key key{block == 0 ? purpose : std::string(purpose) + ' ' + std::to_string(block), place};
  const auto found = held_.find(key);
  if (found != held_.end()) return found->second;
  return held_.emplace(key, streams_.at(key.purpose, first_ + place)).first->second;
}

ItemDraws IterationStreams::at(const char* purpose, int64_t place, const dist::Slice& slice, bool of_whole) {
  const int64_t first = slice.begin / ItemDraws::block, last = (slice.begin + slice.length - 1) / ItemDraws::block;
  std::vector<torch::Generator> generators(static_cast<size_t>(ItemDraws::blocks_of(slice.whole)));
  for (size_t block = 0; block < generators.size(); ++block) {
    const auto b = static_cast<int64_t>(block);
    if (of_whole || (first <= b && b <= last)) generators[block] = generator(purpose, place, b);
  }
  return {std::move(generators), slice.begin, slice.length, slice.whole};
}

std::vector<torch::Generator> IterationStreams::all() const {
  std::vector<torch::Generator> out;
  for (const auto& entry : held_) out.push_back(entry.second);
  return out;
}

}  // namespace monge::solve
