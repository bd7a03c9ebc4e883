// One rank of a job of several processes, from its start to its end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "monge/dist/failure_detector.h"
#include "monge/dist/launch.h"
#include "monge/dist/process_group.h"

namespace monge::dist {

struct JobOptions {
  Seconds patience{300};                             ///< for the other ranks to come
  std::function<void(const std::string&)> log = {};  ///< of rank 0, told while it waits for them
  FailureDetectorOptions watch;
};

/// Joins the job on construction, parts from it in `finish` or `fail`.
class Job {
 public:
  /// @throws Error, SystemError when the ranks do not meet, or MPI finds others than the launcher started.
  Job(const Launch& launch, const JobOptions& options, FailureCallbacks calls);

  ProcessGroup& group() { return *group_; }
  std::shared_ptr<ProcessGroup> shared_world() { return group_; }

  /// See FailureDetectorOptions::stall; from any time on.
  void set_stall(Seconds stall) { watch_->set_stall(stall); }

  /// All ranks come here when all is well.
  void finish();

  /// See FailureDetector::fail. Afterwards the process can only end, without waiting for the other ranks.
  JobFailure fail(const std::string& message, int code, bool alike = false) {
    return watch_->fail(message, code, alike);
  }

 private:
  JobOptions options_;
  FailureCallbacks calls_;
  std::shared_ptr<ProcessGroup> group_;
  std::unique_ptr<FailureDetector> watch_;
};

}  // namespace monge::dist
