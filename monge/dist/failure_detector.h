// Watches over the ranks of a job, so that it ends with a message when one dies, hangs or fails, and never just waits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "monge/dist/process_group.h"
#include "monge/dist/socket.h"

namespace monge::dist {

struct FailureDetectorOptions {
  Seconds beat{1};       ///< how often a rank says that it lives
  Seconds silence{20};   ///< a rank that has said nothing for so long is lost: stopped, or its host is
  Seconds stall{600};    ///< a rank that is so long behind the others' collective operations hangs
  Seconds meeting{300};  ///< for all to find rank 0
  Seconds own{0.5};  ///< rank 0 waits so long for its own failure before it tells another rank's: all may have the same
  std::string host = {};  ///< by which rank 0 is reached; empty: all its addresses are tried
};

/// Why a job ends before its time.
struct JobFailure {
  std::string message;  ///< names the rank and its host
  int code = 1;         ///< exit code for all ranks
  bool spoken = true;   ///< the user has been told, here or by rank 0
};

/// Called from the watch's thread, each once at most. What `speak` throws is dropped: the job must end all the same.
struct FailureCallbacks {
  /// Tells the user, on rank 0 before the others know: launchers end all ranks soon after the first has ended.
  std::function<void(const JobFailure&)> speak;
  /// Should end the process: the main thread may be waiting for ever. Not called where the main thread came to fail()
  /// meanwhile.
  std::function<void(const JobFailure&)> ended;
};

/// Tells the user by calls.speak, and drops what that throws (a file system or a stream that fails there).
void speak(const FailureCallbacks& calls, const JobFailure& verdict) noexcept;

struct FailureState;
class HeartbeatServer;
class HeartbeatClient;

/// Each rank keeps a TCP connection with rank 0, apart from the job's own, and a thread that uses it: once a beat it
/// says how far the rank is. Rank 0 judges: a connection that breaks, silence, a rank that stays behind, a failure that
/// is told. Its verdict goes to all. A rank that loses rank 0 judges for itself.
class FailureDetector {
 public:
  /// Meets the other ranks: all construct theirs together. @param group  outlives this.
  /// @throws SystemError when rank 0 is not reached within options.meeting.
  FailureDetector(ProcessGroup& group, const FailureDetectorOptions& options, FailureCallbacks calls);
  ~FailureDetector();
  FailureDetector(const FailureDetector&) = delete;
  FailureDetector& operator=(const FailureDetector&) = delete;

  /// This rank has failed. Tells the others and gives the verdict, which may be of an earlier failure elsewhere that
  /// caused this one. Waits a few seconds for it at most. `ended` is not called on this rank any more.
  /// @param alike  all ranks have the same failure, so that the message need not say whose it was.
  JobFailure fail(const std::string& message, int code, bool alike = false);

  /// Changes FailureDetectorOptions::stall; rank 0's counts.
  void set_stall(Seconds stall);

  /// An orderly end: this rank may go without being missed. Followed by ProcessGroup::close, where all meet.
  void leave();

 private:
  std::shared_ptr<FailureState> common_;
  std::unique_ptr<HeartbeatServer> server_;  ///< on rank 0
  std::unique_ptr<HeartbeatClient> client_;  ///< on the others
};

}  // namespace monge::dist
