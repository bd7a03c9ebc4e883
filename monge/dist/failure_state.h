// What the threads of a watch share; for the files of the watch alone.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "monge/core/error.h"
#include "monge/dist/failure_detector.h"

namespace monge::dist {

// How long a rank that has failed waits for the verdict, and rank 0 for the others to have read it.
constexpr Seconds kGrace{3};
// A watch that slept this long was stopped with its process: what it missed says nothing about the others.
constexpr Seconds kOwnSleep{5};

/// "20 s".
inline std::string in_seconds(Seconds value) { return text(value.count(), " s"); }

/// What the main thread and the watch's thread share.
struct FailureState {
  FailureState(ProcessGroup& group, const FailureDetectorOptions& options, FailureCallbacks calls)
      : group(group), options(options), calls(std::move(calls)), stall(options.stall.count()) {}

  ProcessGroup& group;
  FailureDetectorOptions options;
  FailureCallbacks calls;
  std::atomic<double> stall;     // seconds
  std::atomic<bool> met{false};  // all ranks have found rank 0

  std::mutex guard;
  std::condition_variable changed;
  std::optional<JobFailure> verdict;
  struct Failure {
    std::string message;
    int code = 1;
    bool alike = false;
  };
  std::optional<Failure> failure;  // of this rank, to be told
  bool main_waits = false;         // in fail(), which ends the process in an orderly way
  bool leaving = false;

  std::string name_of(int64_t rank) const {
    return text(group.name_of(rank), " (process ", group.location(rank).process, ")");
  }

  /// Tells the user, unless all is over.
  void say(const JobFailure& found) {
    {
      const std::lock_guard lock(guard);
      if (verdict || leaving) return;
    }
    speak(calls, found);
  }

  /// The first verdict counts.
  void decide(JobFailure found) {
    std::unique_lock lock(guard);
    if (verdict || leaving) return;
    verdict = std::move(found);
    changed.notify_all();
    // The main thread may be on its way to fail(), for the same reason.
    changed.wait_for(lock, kGrace, [this] { return main_waits; });
    if (main_waits) return;
    const auto said = *verdict;
    lock.unlock();
    calls.ended(said);
  }

  /// Runs what a thread of the watch does. What it throws ends the job as a verdict does: nobody would watch over it.
  void serve(const std::function<void()>& work) noexcept {
    std::string why;
    try {
      return work();
    } catch (const std::exception& error) {
      why = error.what();
    } catch (...) {
      why = "unknown";
    }
    try {
      const JobFailure failed{"the watch over the ranks failed: " + why};
      say(failed);
      decide(failed);
    } catch (...) {
      // `ended` itself has failed. The other ranks notice the silence.
    }
  }

  std::optional<Failure> take_failure() {
    const std::lock_guard lock(guard);
    return std::exchange(failure, std::nullopt);
  }
};

}  // namespace monge::dist
