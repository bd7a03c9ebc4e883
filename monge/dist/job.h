// One rank of a job of several processes, from its start to its end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "monge/dist/launch.h"
#include "monge/dist/watch.h"
#include "monge/dist/world.h"

namespace monge::dist {

struct JobOptions {
  Seconds patience{300};  ///< for the other ranks to come
  std::function<void(const std::string&)> log = {};  ///< of rank 0, told while it waits for them
  WatchOptions watch;
};

/// Joins the job on construction, parts from it in `finish` or `fail`.
class Job {
 public:
  /// @throws Error, SystemError when the ranks do not meet, or MPI finds others than the launcher started.
  Job(const Launch& launch, const JobOptions& options, WatchCalls calls);

  World& world() { return *world_; }
  std::shared_ptr<World> shared_world() { return world_; }

  /// See WatchOptions::stall; from any time on.
  void set_stall(Seconds stall) { watch_->set_stall(stall); }

  /// All ranks come here when all is well.
  void finish();

  /// See Watch::fail. Afterwards the process can only end, without waiting for the other ranks.
  Verdict fail(const std::string& message, int code, bool alike = false) { return watch_->fail(message, code, alike); }

 private:
  JobOptions options_;
  WatchCalls calls_;
  std::shared_ptr<World> world_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace monge::dist
