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
  Seconds timeout{300};                              ///< how long ranks wait for each other at the start
  std::function<void(const std::string&)> log = {};  ///< rank 0 reports here which ranks it still waits for
  FailureDetectorOptions failure;
};

/// Joins the job on construction and leaves it in `finish` or `fail`. Owns the process group, and with several ranks a
/// failure detector. Where no launcher started this process, it is a job of one rank.
class Job {
 public:
  /// @param callbacks  called from other threads, see FailureCallbacks.
  /// @throws SystemError when the ranks do not meet; InputError when MPI finds another number of ranks than the
  ///         launcher started.
  Job(const Launch& launch, const JobOptions& options, FailureCallbacks callbacks);

  ProcessGroup& group() { return *group_; }

  /// See FailureDetectorOptions::stall_timeout; may be changed at any time.
  void set_stall_timeout(Seconds timeout) { detector_->set_stall_timeout(timeout); }

  /// The orderly end. All ranks call it when their work is done; the group may not be used afterwards.
  void finish();

  /// See FailureDetector::fail. Afterwards the process can only end, without waiting for the other ranks.
  JobFailure fail(const std::string& message, int code, bool same_on_all = false) {
    return detector_->fail(message, code, same_on_all);
  }

 private:
  JobOptions options_;
  FailureCallbacks callbacks_;
  std::unique_ptr<ProcessGroup> group_;
  std::unique_ptr<FailureDetector> detector_;
};

}  // namespace monge::dist
