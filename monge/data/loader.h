// Prefetches batches in worker threads and moves them to the device that uses them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "monge/data/sampler.h"

namespace monge::data {

struct LoaderOptions {
  int64_t batch = 64;
  /// Threads that make batches, each one batch at a time. 0: the caller makes them. -1: as many as the source needs,
  /// see usual_workers.
  int64_t workers = -1;
  int64_t prefetch = 4;                      ///< batches made ahead, at least as many as workers; bounds the memory
  torch::Device device = torch::kCPU;        ///< device of the batches
  torch::ScalarType type = torch::kFloat32;  ///< type of the batches
  bool resident = false;                     ///< keep the whole set on `device` as it is stored; finite sources only
};

/// 0 if items cost no more than a copy and are used on the CPU; 2 for such items on a GPU, because they must be copied
/// to it; else as many as there are cores, up to 16.
int64_t usual_workers(const Source& source, torch::Device device);

/// Gives the batches of a sampler, bit by bit the same for any number of workers. Consecutive batches are made ahead.
/// Any other step may be requested at any time and costs a wait.
///
/// Workers are threads of this process. They start no threads themselves (see set_single_threaded) and draw nothing
/// from shared generators. For a GPU, batches are copied to pinned memory, and the batch after the requested one is
/// copied meanwhile on a separate stream, as bytes if it is stored as bytes. Not thread-safe: one caller.
class Loader {
 public:
  /// @throws InputError when `resident` is set for an endless source; whatever the source throws when it is read into
  ///     memory.
  Loader(std::shared_ptr<const Sampler> sampler, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// @param step  >= 0.
  /// @return [batch, ...item_shape] of the type on the device. Images may be channels last in memory.
  /// @throws what the source throws for the items of this step.
  torch::Tensor batch(int64_t step);

  /// The seconds that calls of batch() have spent so far waiting for batches to be made, or making them. Later work is
  /// not counted: on a GPU it may block the host until computations launched before have finished.
  double waited() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace monge::data
