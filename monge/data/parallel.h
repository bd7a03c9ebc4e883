// Plain threads for decoding. LibTorch's pool would start further threads in each of its own.
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

/// Makes for_each_parallel and LibTorch's operations run in the calling thread alone when they are called from it. Call
/// it in each worker of a pool, because otherwise each worker would start a pool of its own.
void set_single_threaded();
bool is_single_threaded();

/// Calls work(i) for i in [0, count) from several threads, in no fixed order, and waits for all. After the first
/// exception the other threads stop after their current item, and the exception is rethrown here. `make_work` is called
/// once in each thread and returns its `work`, so that each thread can own what cannot be shared.
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
  const int64_t threads = is_single_threaded() ? 1 : std::min({usable_cores(), most_threads, count});
  {
    std::vector<std::jthread> pool;
    for (int64_t t = 1; t < threads; ++t) pool.emplace_back(loop);
    loop();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace monge::data
