#include "monge/nn/helper_threads.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace monge::nn {
namespace {

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// A pass is open while it has free seats. A helper takes a seat and is inside until its call has ended. The caller
/// closes the pass by taking all free seats, and waits only for the helpers inside.
class Helpers {
 public:
  /// Never destroyed: its threads sleep until the process ends.
  static Helpers& all() {
    static auto* helpers = new Helpers;
    return *helpers;
  }

  void run(int64_t count, void (*work)(const void*), const void* argument) {
    const std::unique_lock lock(pass_, std::try_to_lock);
    if (!lock) return work(argument);
    start(count);
    work_ = work;
    argument_ = argument;
    failure_ = nullptr;
    // Sequentially consistent with notify_all's check for waiters, or it could miss a helper that is about to sleep.
    state_.store(static_cast<uint32_t>(std::min(count, started_)) * kSeat, std::memory_order_seq_cst);
    state_.notify_all();
    std::exception_ptr own;
    try {
      work(argument);
    } catch (...) {
      own = std::current_exception();
    }
    auto state = state_.fetch_and(kInside, std::memory_order_acq_rel) & kInside;
    for (int turns = 0; state != 0; state = state_.load(std::memory_order_acquire)) {
      if (++turns < kTurns) {
        pause();
      } else {
        state_.wait(state, std::memory_order_acquire);
      }
    }
    if (own || failure_) std::rethrow_exception(own ? own : failure_);
  }

 private:
  void start(int64_t count) {
    try {
      for (; started_ < count; ++started_) std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {  // the system has no more threads: run with those that exist
    }
  }

  static constexpr uint32_t kInside = 0xffff, kSeat = 0x10000;  // calls that have begun, and free seats, in one word
  static constexpr int kTurns = 2000;  // as few as libgomp's threads make, see cli/spinning.cpp

  void serve() {
    for (int turns = 0;;) {
      auto state = state_.load(std::memory_order_acquire);
      if (state < kSeat) {
        if (++turns < kTurns) {
          pause();
        } else {
          state_.wait(state, std::memory_order_acquire);
        }
        continue;
      }
      if (!state_.compare_exchange_weak(state, state - kSeat + 1, std::memory_order_acq_rel)) continue;
      try {
        work_(argument_);
      } catch (...) {
        const std::lock_guard lock(failures_);
        failure_ = std::current_exception();
      }
      state_.fetch_sub(1, std::memory_order_acq_rel);
      state_.notify_all();
      turns = 0;
    }
  }

  std::mutex pass_;  ///< held by the thread whose pass it is
  int64_t started_ = 0;
  void (*work_)(const void*) = nullptr;
  const void* argument_ = nullptr;
  std::mutex failures_;
  std::exception_ptr failure_;
  alignas(64) std::atomic<uint32_t> state_ = 0;
};

using Clock = std::chrono::steady_clock;

/// Runs a pass on OpenMP's threads. @return how long a thread without work waited for one that had not begun.
Clock::duration on_openmp(int64_t threads, void (*work)(const void*), const void* state) {
  std::atomic<int64_t> begun = 0;
  std::atomic<Clock::rep> waiting_since = 0;
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    begun.fetch_add(end - begin, std::memory_order_relaxed);
    for (; begin < end; ++begin) work(state);
    Clock::rep nobody = 0;
    if (begun.load(std::memory_order_relaxed) < threads) {
      waiting_since.compare_exchange_strong(nobody, Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
    }
  });
  const auto since = waiting_since.load(std::memory_order_relaxed);
  return since == 0 ? Clock::duration::zero() : Clock::now().time_since_epoch() - Clock::duration(since);
}

}  // namespace

void call_on_helpers(int64_t threads, void (*work)(const void*), const void* state) {
  if (threads <= 1) return work(state);
  Helpers::all().run(threads - 1, work, state);
}

void call_on_threads(int64_t threads, void (*work)(const void*), const void* state) {
  if (threads <= 1) return work(state);
  // Longer than it takes to wake a thread. These constants were chosen by experiment.
  constexpr auto kStall = std::chrono::microseconds(80);
  constexpr int kPassesAfterStalls = 2000;
  // Two stalls within 64 passes show another program; a single one happens on any machine. After a time on helpers one
  // stall is enough.
  constexpr int kOfAStall = 128, kMany = 192, kAfterwards = kMany - kOfAStall;
  static std::atomic<int> passes_on_helpers = 0, stalls = 0;
  // With bound threads helpers would be bound to the core of the thread that starts them.
  static const bool are_bound = omp_get_proc_bind() != omp_proc_bind_false;
  if (passes_on_helpers.load(std::memory_order_relaxed) > 0) {
    passes_on_helpers.fetch_sub(1, std::memory_order_relaxed);
    return call_on_helpers(threads, work, state);
  }
  const bool stalled = on_openmp(threads, work, state) > kStall;
  const int now = std::max(0, stalls.load(std::memory_order_relaxed) + (stalled ? kOfAStall : -1));
  const bool many = now >= kMany && !are_bound;
  stalls.store(many ? kAfterwards : now, std::memory_order_relaxed);
  if (many) passes_on_helpers.store(kPassesAfterStalls, std::memory_order_relaxed);
}

}  // namespace monge::nn
