// Reproducible initialisation, although LibTorch's layers draw their first weights from the global generator.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::nn {

/// While the object lives, the global CPU generator runs from `seed`. The destructor restores its former state, so that
/// building a net changes no other draw. Build nets on one thread at a time.
///
///     const SeededInitialisation seeded(stream_seed(seed, "init map", 0));
///     auto map = std::make_shared<UNet>(options);
class SeededInitialisation {
 public:
  explicit SeededInitialisation(uint64_t seed);
  ~SeededInitialisation();
  SeededInitialisation(const SeededInitialisation&) = delete;
  SeededInitialisation& operator=(const SeededInitialisation&) = delete;

 private:
  torch::Tensor former_state_;
};

}  // namespace monge::nn
