// The progress of an evaluation, and where it can be ended before its result.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "monge/dist/process_group.h"

namespace monge::eval {

/// Called between two blocks of a long computation. What it throws ends the computation.
using BetweenBlocks = std::function<void()>;

/// Thrown through an evaluation that its caller wants to stop. It is no error; whoever passed the stop flag catches it.
struct EvaluationStopped {};

/// Reports how far an evaluation is, and ends it when a flag is set. A single process ends between two blocks. Several
/// ranks end together where they agree on it.
class EvaluationProgress {
 public:
  using Report = std::function<void(const std::string& step, int64_t done, int64_t total)>;

  /// Reports nothing and never ends the evaluation.
  EvaluationProgress() = default;
  /// @param stop    may be set from any thread; must outlive this.
  /// @param report  may be empty. It may set `stop`.
  /// @param group   must outlive this.
  EvaluationProgress(const std::atomic<bool>& stop, Report report, dist::ProcessGroup& group)
      : stop_(&stop), report_(std::move(report)), group_(&group) {}

  /// Reports `done` > 0 of `total` units of a step. @throws EvaluationStopped as between_blocks.
  void at(const std::string& step, int64_t done, int64_t total);

  /// Repeats the last report, so that its receiver may set the flag.
  /// @throws EvaluationStopped in a single process whose flag is set.
  void between_blocks();

  /// All ranks call it together. @throws EvaluationStopped on all of them if the flag of any rank is set.
  void agree();

 private:
  const std::atomic<bool>* stop_ = nullptr;
  Report report_ = {};
  dist::ProcessGroup* group_ = nullptr;
  std::string step_;
  int64_t done_ = 0, total_ = 0;
};

}  // namespace monge::eval
