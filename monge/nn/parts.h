// The threads of a pass of our own: they take parts of its work from a common counter.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "monge/nn/helper_threads.h"

namespace monge::nn {

/// As many threads as LibTorch uses, at most `most` and at least 1; 1 inside a parallel region of LibTorch.
inline int64_t thread_count(int64_t most) {
  return at::in_parallel_region() ? 1 : std::clamp<int64_t>(at::get_num_threads(), 1, std::max<int64_t>(most, 1));
}

/// Runs work() on the calling thread and on up to threads - 1 others; see call_on_threads, whose rules hold: work takes
/// its parts from a counter, and calls no LibTorch.
template <class Work>
void on_threads(int64_t threads, const Work& work) {
  call_on_threads(threads, [](const void* state) { (*static_cast<const Work*>(state))(); }, &work);
}

/// Calls work(part, begin, end) for each of `parts` even parts of [0, count), in no fixed order. The parts are the same
/// whichever thread takes them, so a sum over a part may be kept and added to the others in their order. No part is
/// empty when parts <= count.
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

/// [0, count) in pieces that threads take as they come to it: a thread whose core also runs another program takes
/// fewer, and the others do not wait for it.
///
/// Pieces have `most` items as long as there is one for every thread; what is left is divided evenly, so that equally
/// fast threads finish together, as they would with one even part each.
class PieceQueue {
 public:
  /// @param step  the pieces of what is left are multiples of it, but for the last one.
  PieceQueue(int64_t count, int64_t most, int64_t step, int64_t threads)
      : count_(count), most_(std::max(most, step)), whole_(count / (most_ * threads) * threads) {
    const int64_t even = (count - whole_ * most_ + threads - 1) / threads;
    rest_ = std::max<int64_t>((even + step - 1) / step, 1) * step;
  }

  /// The next piece, [begin, end). @return false when none is left. Thread-safe.
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
