// The state that the threads of a failure detector share. Internal to the detector's files.
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

// A thread that slept this long was stopped with its process: the messages it missed say nothing about the others.
constexpr Seconds kOwnSleep{5};

/// "20 s".
inline std::string in_seconds(Seconds value) { return text(value.count(), " s"); }

/// A failure on one rank, before rank 0 has decided.
struct RankFailure {
  std::string message;
  int code = 1;
  bool same_on_all = false;
};

/// The state that the main thread and the detector's thread share. `guard` protects all members below it.
struct FailureState {
  FailureState(ProcessGroup& group, const FailureDetectorOptions& options, FailureCallbacks callbacks)
      : group(group), options(options), callbacks(std::move(callbacks)), stall_timeout(options.stall_timeout.count()) {}

  ProcessGroup& group;
  FailureDetectorOptions options;
  FailureCallbacks callbacks;
  std::atomic<double> stall_timeout;   // seconds
  std::atomic<bool> connected{false};  // all ranks have reached rank 0

  std::mutex guard;
  std::condition_variable changed;
  std::optional<JobFailure> job_failure;   // the decision; the first one counts
  std::optional<RankFailure> own_failure;  // of this rank, not yet sent to rank 0
  bool main_waits = false;                 // in fail(), which ends the process in an orderly way
  bool leaving = false;

  std::string name_of(int64_t rank) const {
    return text(group.name_of(rank), " (process ", group.location(rank).process, ")");
  }

  /// Reports to the user, unless the job has ended or failed already.
  void report_once(const JobFailure& failure) {
    {
      const std::lock_guard lock(guard);
      if (job_failure || leaving) return;
    }
    report(callbacks, failure);
  }

  /// Ends this process with `failure`, unless the job has ended or failed already.
  void end_with(JobFailure failure) {
    std::unique_lock lock(guard);
    if (job_failure || leaving) return;
    job_failure = std::move(failure);
    changed.notify_all();
    // The main thread may be about to call fail(), for the same reason.
    changed.wait_for(lock, options.decision_wait, [this] { return main_waits; });
    if (main_waits) return;
    const auto decided = *job_failure;
    lock.unlock();
    callbacks.end_process(decided);
  }

  /// Runs the loop of a detector's thread. An exception from it ends the job as a failure does, because nobody would
  /// detect failures any more.
  void run_thread(const std::function<void()>& loop) noexcept {
    std::string why;
    try {
      return loop();
    } catch (const std::exception& error) {
      why = error.what();
    } catch (...) {
      why = "unknown";
    }
    try {
      const JobFailure failure{"the failure detector failed: " + why};
      report_once(failure);
      end_with(failure);
    } catch (...) {
      // `end_process` itself has failed. The other ranks notice the silence.
    }
  }

  std::optional<RankFailure> take_own_failure() {
    const std::lock_guard lock(guard);
    return std::exchange(own_failure, std::nullopt);
  }
};

}  // namespace monge::dist
