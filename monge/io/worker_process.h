// A process that works for this one, one request after another.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "monge/core/unique_fd.h"
#include "monge/io/child_process.h"

namespace monge::io {

/// What the process does: the bytes that it replies. It may throw InputError and std::bad_alloc. It must use nothing
/// whose locks other threads of the parent may hold when the process is forked, such as a library that the parent uses.
using Worker = std::function<std::vector<char>(std::string_view request)>;

/// When a process has waited, or is waited for, for too long.
struct WorkerPatience {
  std::chrono::milliseconds idle{5000};      ///< after so long without a request a process ends
  std::chrono::milliseconds silence{60000};  ///< after so long without a reply and without doing anything it is ended
};

/// A process that runs a Worker. It is a copy of this one as it was when it was made, and shares its memory page by
/// page until this one changes a page; so the system keeps pages that this one has given up, until the process ends. It
/// has no files but standard input, output and error. Not to be used by two threads at once.
class WorkerProcess {
 public:
  /// @throws SystemError where no process can be made.
  explicit WorkerProcess(const Worker& worker, const WorkerPatience& patience = {});
  ~WorkerProcess();  ///< ends it
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// Sends a request and waits for the reply.
  /// @param limits  of this request, with its own bytes and what the process keeps of earlier ones beyond 32 MiB.
  /// @param most_bytes  of the reply; more count as a crash.
  /// @return `done` with the reply; `untried` where the process did nothing at all, as one may that was made while
  ///     another thread held a lock of the system's libraries.
  ChildOutcome ask(std::string_view request, const ChildLimits& limits, int64_t most_bytes, std::vector<char>& reply);

  /// Whether another request may be sent: nothing failed, and the process keeps little memory.
  bool is_usable() const { return usable_; }
  /// Whether it has replied before. If it fails then, the reason may be older than the request: it was idle, another
  /// request damaged it, or the system ended it.
  bool has_served() const { return has_served_; }
  /// Leaves the process to itself, because it is that of the process from which this one was forked.
  void abandon();

 private:
  /// @return false when the process has ended or does nothing.
  bool wait_for(short event);
  /// Sends (POLLOUT) or receives (POLLIN) all of it.
  bool transfer(short event, char* at, size_t bytes);

  WorkerPatience patience_;
  UniqueFd socket_, ended_;
  pid_t process_ = -1;
  bool usable_ = true, has_served_ = false, is_silent_ = false;
};

/// Processes of one kind that wait for work: as many as threads have used at once. Safe to use from all threads. A
/// process that is forked from this one has a pool of its own.
class WorkerPool {
 public:
  explicit WorkerPool(Worker worker, const WorkerPatience& patience = {})
      : worker_(std::move(worker)), patience_(patience) {}

  /// One that waits, or a new one. One that waits may have ended meanwhile. @throws SystemError.
  std::unique_ptr<WorkerProcess> take();
  std::unique_ptr<WorkerProcess> make() const { return std::make_unique<WorkerProcess>(worker_, patience_); }
  /// Gives one back. What is not usable is ended.
  void give_back(std::unique_ptr<WorkerProcess> process);

 private:
  void forget_those_of_the_parent();

  Worker worker_;
  WorkerPatience patience_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<WorkerProcess>> waiting_;
  pid_t owner_ = -1;
};

}  // namespace monge::io
