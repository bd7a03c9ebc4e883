// Hooks of a job: the receivers of its messages and its progress, and the flag that stops it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "monge/core/log.h"

namespace monge::session {

/// All members are optional. The callbacks must not throw. They are called one at a time, from the thread that runs the
/// job or from a thread of a loader.
struct Hooks {
  LogSink log = silent();  ///< messages and warnings, one line each; called on the root of the process group only

  /// Progress of one step of the job, such as "reading images": `done` of `total` units. The first call of a step may
  /// have any `done` > 0; the last one has done = total unless the step ends early. Called on every rank.
  std::function<void(const std::string& step, int64_t done, int64_t total)> progress = {};

  /// Set it from any thread or a signal handler to end a training, a translation or an evaluation at its next safe
  /// point. It must outlive the job. With several ranks, the job stops on all ranks when the flag of any rank is set.
  const std::atomic<bool>* stop = nullptr;

  /// The stop flag that a job reads; without `stop`, one that is never set.
  const std::atomic<bool>& stop_flag() const {
    static const std::atomic<bool> never{false};
    return stop ? *stop : never;
  }

  /// `progress` bound to one step, in the form that sources take; empty if there is no `progress`.
  std::function<void(int64_t, int64_t)> progress_of(const std::string& step) const {
    if (!progress) return {};
    return [report = progress, step](int64_t done, int64_t total) { report(step, done, total); };
  }
};

}  // namespace monge::session
