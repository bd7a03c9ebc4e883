// Translations that wait for the device, and are computed together where that changes nothing.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "monge/serve/translate_together.h"

namespace monge::serve {

/// Computes on one thread. A request that finds it idle begins at once; those that arrive meanwhile form the next
/// batches: requests for one model with items of one shape and equal options but the seed, up to `batch` items.
///
/// The outputs of a request depend on its input, its options and the number of each item in it: each item has the noise
/// stream that session::translate gives it, whatever stands beside it in the batch. A request that is computed alone
/// equals session::translate to the bit, because that is called. In a batch the networks get more items at once; where
/// a library of the processor (oneDNN, MKL) or the GPU chooses another algorithm for another number of items, the last
/// bits of float32 differ, as they do with TranslateOptions::batch. Images that are translated in tiles or by their
/// residual, and vectors at a t below 1, are always computed alone.
class TranslateQueue {
 public:
  struct Options {
    int64_t batch = 32;          ///< items that are computed together
    int64_t most_waiting = 256;  ///< items; see submit
    double most_seconds = 60;    ///< of computing one request that can be stopped: between the parts of its work
    /// Called after each batch. May be empty.
    std::function<void(int64_t requests, int64_t items, double seconds)> observe = {};
  };

  explicit TranslateQueue(Options options);
  /// Waits for the batch that is being computed; the requests that wait get SystemError.
  ~TranslateQueue();
  TranslateQueue(const TranslateQueue&) = delete;
  TranslateQueue& operator=(const TranslateQueue&) = delete;

  /// @return false, without keeping the request, if the queue is full. A request that finds it empty is always taken.
  bool submit(Translation translation);

  /// Items that wait. An output of an image is an item, and so are 4,096 rows of vectors.
  int64_t waiting() const;

 private:
  void work();
  std::vector<Translation> next_batch();

  const Options options_;
  mutable std::mutex guard_;
  std::condition_variable changed_;
  std::deque<Translation> queue_;
  int64_t waiting_ = 0;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace monge::serve
