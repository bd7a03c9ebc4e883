// Batches made ready before they are asked for, in worker threads, and brought to where they are used.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "monge/data/sampler.h"

namespace monge::data {

struct LoaderOptions {
  int64_t batch = 64;
  /// Threads that make batches, one each at a time. 0: the caller makes them. -1: as many as the source needs, see
  /// usual_workers.
  int64_t workers = -1;
  int64_t prefetch = 4;  ///< batches that are made ahead, at least; no fewer than workers. Bounds the memory.
  torch::Device device = torch::kCPU;        ///< where batches are given
  torch::ScalarType type = torch::kFloat32;  ///< of what is given
  bool resident = false;                     ///< keep the whole set on `device` as it is stored; finite sources only
};

/// 0 where items cost no more than a copy and are used on the CPU; 2 for such items on a GPU, which they must be copied
/// to; else as many as there are cores, up to 16.
int64_t usual_workers(const Source& source, torch::Device device);

/// Gives the batches of a sampler: the same, bit by bit, for any number of workers. Batches in a row are made ahead;
/// another step may be asked for at any time and costs a wait.
///
/// Workers are threads of this process, keep to themselves (see keep_to_this_thread) and draw nothing from shared
/// generators. For a GPU batches are copied to pinned memory; the one after the one that is asked for is copied on a
/// stream of its own meanwhile, as bytes where it is stored as bytes. Not thread-safe itself: one caller.
class Loader {
 public:
  /// @throws InputError when `resident` is asked of an endless source; whatever the source throws when it is read for
  /// it.
  Loader(std::shared_ptr<const Sampler> sampler, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// @param step >= 0  @return [batch, ...item_shape] of the type on the device. Images may lie with their channels
  /// last.
  /// @throws what the source throws for the items of this step.
  torch::Tensor batch(int64_t step);

  /// Seconds that calls of batch() have waited for batches to be made so far, or have made them. What follows is not
  /// counted: on a GPU the host may be held up there by the computing that it has launched.
  double waited() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace monge::data
