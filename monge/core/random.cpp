#include "monge/core/random.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

namespace monge {
namespace {

uint64_t mix(uint64_t state) {  // SplitMix64, Steele et al. 2014
  state += 0x9e3779b97f4a7c15ull;
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ull;
  state = (state ^ (state >> 27)) * 0x94d049bb133111ebull;
  return state ^ (state >> 31);
}

}  // namespace

uint64_t stream_seed(uint64_t seed, std::string_view purpose, int64_t step) {
  uint64_t name = 0xcbf29ce484222325ull;
  for (const char letter : purpose) name = (name ^ static_cast<unsigned char>(letter)) * 0x100000001b3ull;
  return mix(mix(mix(seed) ^ name) ^ static_cast<uint64_t>(step));
}

torch::Generator RandomStreams::at(std::string_view purpose, int64_t step) const {
  const uint64_t seed = stream_seed(seed_, purpose, step);
  if (device_.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>(seed);
  auto generator = at::globalContext().defaultGenerator(device_).clone();
  generator.set_current_seed(seed);
  return generator;
}

}  // namespace monge
