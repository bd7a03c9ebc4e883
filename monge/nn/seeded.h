// Reproducible initialisation, although LibTorch's layers draw their first weights from the global generator.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <mutex>

namespace monge::nn {

/// While the object lives, the global CPU generator runs from `seed`. The destructor restores its former state, so that
/// building a net changes no other draw. Other threads that want to build wait, because the process has one such
/// generator.
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
  std::unique_lock<std::recursive_mutex> alone_;
  torch::Tensor former_state_;
};

}  // namespace monge::nn
