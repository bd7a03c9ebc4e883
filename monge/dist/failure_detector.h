// The failure detector: a job ends with a message when one of its ranks dies, hangs or fails, and never waits for ever.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "monge/dist/process_group.h"
#include "monge/dist/socket.h"

namespace monge::dist {

struct FailureDetectorOptions {
  Seconds heartbeat_interval{1};  ///< between two messages of a rank
  Seconds silence_timeout{20};    ///< a rank that sends nothing for so long is lost: it is stopped, or its host is down
  Seconds stall_timeout{600};     ///< a rank that is behind the others' collective operations for so long hangs
  Seconds connect_timeout{300};   ///< time in which all ranks must reach rank 0
  /// Rank 0 waits so long for a failure of its own before it reports another rank's, because all ranks may have the
  /// same one.
  Seconds own_failure_wait{0.5};
  /// A failed rank waits at most so long for rank 0's decision, and rank 0 for the others to have read it.
  Seconds decision_wait{3};
  std::string host = {};  ///< the address of rank 0; if empty, the ranks try all its addresses
};

/// Why a job ends before its work is done.
struct JobFailure {
  std::string message;   ///< names the rank and its host
  int code = 1;          ///< the exit code of all ranks
  bool reported = true;  ///< whether the user has the message already, from this rank or from rank 0
};

/// The detector's thread calls each of these once at most.
struct FailureCallbacks {
  /// Reports the failure to the user. Rank 0 does so before the other ranks know, because a launcher ends all ranks
  /// soon after the first one has ended. Its exceptions are dropped, because the job must end in any case.
  std::function<void(const JobFailure&)> report;
  /// Should end the process, whose main thread may be blocked for ever. It is not called when the main thread has
  /// called fail() in the meantime.
  std::function<void(const JobFailure&)> end_process;
};

/// Calls callbacks.report and drops its exceptions (a file system or a stream may have failed).
void report(const FailureCallbacks& callbacks, const JobFailure& failure) noexcept;

struct FailureState;
class HeartbeatServer;
class HeartbeatClient;

/// Each rank keeps a TCP connection with rank 0, apart from the connections of the process group, and a thread that
/// sends heartbeats with the rank's progress over it. Rank 0 decides that the job has failed when a connection breaks,
/// a rank is silent, a rank remains behind, or a rank reports a failure; then it notifies all ranks. A rank that loses
/// rank 0 decides alone. A job of one rank has neither connection nor thread.
class FailureDetector {
 public:
  /// Connects to the other ranks; all ranks construct theirs together. @param group  outlives this.
  /// @throws SystemError when rank 0 is not reached within options.connect_timeout.
  FailureDetector(ProcessGroup& group, const FailureDetectorOptions& options, FailureCallbacks callbacks);
  ~FailureDetector();
  FailureDetector(const FailureDetector&) = delete;
  FailureDetector& operator=(const FailureDetector&) = delete;

  /// This rank has failed. Notifies the others and waits a few seconds at most for rank 0's decision. `end_process` is
  /// not called on this rank afterwards.
  /// @param same_on_all  whether every rank fails with this message, so that it need not name one.
  /// @return rank 0's decision, which may be an earlier failure elsewhere that caused this one.
  JobFailure fail(const std::string& message, int code, bool same_on_all = false);

  /// Changes FailureDetectorOptions::stall_timeout; that of rank 0 counts.
  void set_stall_timeout(Seconds timeout);

  /// Announces the orderly end: the others do not miss this rank any more. ProcessGroup::close follows, where all ranks
  /// meet.
  void leave();

 private:
  std::shared_ptr<FailureState> state_;
  std::unique_ptr<HeartbeatServer> server_;  ///< on rank 0
  std::unique_ptr<HeartbeatClient> client_;  ///< on the others
};

}  // namespace monge::dist
