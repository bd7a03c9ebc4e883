// What a caller hands to a job: where its messages and its progress go, and how to stop it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "monge/core/log.h"

namespace monge::session {

/// All members are optional. The callbacks must not throw and are called one at a time, from the thread that works or from
/// a loader's thread.
struct Hooks {
  LogSink log = silent();  ///< messages and warnings, one line each; on the root of the process group alone

  /// Progress of one step of the job, such as "reading images": `done` of `total` units. The first call of a step may have
  /// any `done` > 0; the last one has done = total unless the step ends early.
  std::function<void(const std::string& step, int64_t done, int64_t total)> progress = {};

  /// Set from any thread or a signal handler to end the job at its next safe point. Must outlive the job.
  const std::atomic<bool>* stop = nullptr;

  bool stop_requested() const { return stop != nullptr && stop->load(); }

  /// `progress` bound to one step, in the form that sources take; empty where there is no `progress`.
  std::function<void(int64_t, int64_t)> progress_of(const std::string& step) const {
    if (!progress) return {};
    return [report = progress, step](int64_t done, int64_t total) { report(step, done, total); };
  }
};

/// For jobs that nobody stops.
inline const std::atomic<bool>& never_stopped() {
  static const std::atomic<bool> never{false};
  return never;
}

/// The flag that a job watches.
inline const std::atomic<bool>& stop_of(const Hooks& hooks) { return hooks.stop ? *hooks.stop : never_stopped(); }

}  // namespace monge::session
