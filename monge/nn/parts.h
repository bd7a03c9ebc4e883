// Parallel loops of our own passes: the threads take parts of the work from a shared counter.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "monge/nn/helper_threads.h"

namespace monge::nn {

/// LibTorch's number of threads, at most `most` and at least 1; 1 inside a parallel region of LibTorch.
inline int64_t thread_count(int64_t most) {
  return at::in_parallel_region() ? 1 : std::clamp<int64_t>(at::get_num_threads(), 1, std::max<int64_t>(most, 1));
}

/// Runs work() on the calling thread and on up to threads - 1 others. The rules of call_on_threads apply: work takes
/// its parts from a counter and does not call LibTorch.
template <class Work>
void on_threads(int64_t threads, const Work& work) {
  call_on_threads(threads, [](const void* state) { (*static_cast<const Work*>(state))(); }, &work);
}

/// Calls work(part, begin, end) for each of `parts` even parts of [0, count), in no fixed order. The parts do not
/// depend on the threads that take them, so the sums over parts can be added in a fixed order. No part is empty if
/// parts <= count.
template <class Work>
void for_parts(int64_t count, int64_t parts, const Work& work) {
  std::atomic<int64_t> next = 0;
  on_threads(thread_count(parts), [&] {
    for (int64_t part; (part = next.fetch_add(1, std::memory_order_relaxed)) < parts;) {
      const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
      if (begin < end) work(part, begin, end);
    }
  });
}

/// Divides [0, count) into pieces that threads take when they are ready. A thread whose core also runs another program
/// takes fewer, and the others do not wait for it.
///
/// Pieces have `most` items as long as there is one for every thread. The rest is divided evenly, so that equally fast
/// threads finish together, as with one even part each.
class PieceQueue {
 public:
  /// @param step  the pieces of the rest are multiples of it, except for the last one.
  PieceQueue(int64_t count, int64_t most, int64_t step, int64_t threads)
      : count_(count), most_(std::max(most, step)), whole_(count / (most_ * threads) * threads) {
    const int64_t even = (count - whole_ * most_ + threads - 1) / threads;
    rest_ = std::max<int64_t>((even + step - 1) / step, 1) * step;
  }

  /// Takes the next piece [begin, end). @return false if none is left. Thread-safe.
  bool take(int64_t& begin, int64_t& end) {
    const int64_t piece = next_.fetch_add(1, std::memory_order_relaxed);
    begin = std::min(piece, whole_) * most_ + std::max<int64_t>(piece - whole_, 0) * rest_;
    end = std::min(begin + (piece < whole_ ? most_ : rest_), count_);
    return begin < end;
  }

 private:
  const int64_t count_, most_, whole_;
  int64_t rest_;
  std::atomic<int64_t> next_ = 0;
};

/// Calls work(begin, end) for the pieces of a PieceQueue, on `threads` threads.
template <class Work>
void for_pieces(int64_t count, int64_t most, int64_t step, int64_t threads, const Work& work) {
  PieceQueue queue(count, most, step, threads);
  on_threads(threads, [&] {
    for (int64_t begin = 0, end = 0; queue.take(begin, end);) work(begin, end);
  });
}

}  // namespace monge::nn
