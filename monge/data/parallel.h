// Plain threads for decoding: LibTorch's pool would nest its own inside.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "monge/core/cores.h"

namespace monge::data {

/// From here on for_each_parallel and LibTorch's operations run in this thread alone when they are called from it: for
/// workers of a pool, which would else start a pool each.
void keep_to_this_thread();
bool keeps_to_this_thread();

/// Calls work(i) for i in [0, count) from several threads, in no fixed order, and waits for all. At the first exception
/// the others stop after their present item, and it is thrown here. `make_work` is called once in each thread and gives
/// its `work`, so that a thread can own what cannot be shared.
template <class MakeWork>
void for_each_parallel(int64_t count, const MakeWork& make_work, int64_t most_threads = 64) {
  std::atomic<int64_t> next = 0;
  std::exception_ptr failure;
  std::mutex guard;
  const auto loop = [&] {
    try {
      auto work = make_work();
      for (int64_t i; (i = next++) < count;) work(i);
    } catch (...) {
      const std::lock_guard lock(guard);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  const int64_t threads = keeps_to_this_thread() ? 1 : std::min({usable_cores(), most_threads, count});
  {
    std::vector<std::jthread> pool;
    for (int64_t t = 1; t < threads; ++t) pool.emplace_back(loop);
    loop();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace monge::data
