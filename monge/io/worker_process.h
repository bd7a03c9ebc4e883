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

/// After how long without a request a process ends.
inline constexpr std::chrono::milliseconds kWorkerPatience{5000};

/// Such a process. It keeps a copy of this process's memory as it was, page by page where this one changes it; so it
/// ends by itself when it has had no request for some time. It has no file but standard input, output and error.
class WorkerProcess {
 public:
  /// @throws SystemError where no process can be made.
  explicit WorkerProcess(const Worker& worker, std::chrono::milliseconds patience = kWorkerPatience);
  ~WorkerProcess();  ///< ends it
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// Sends a request and waits for the reply.
  /// @param limits  of this request, with its own bytes and what the process keeps of earlier ones beyond 32 MiB.
  /// @return `done` with the reply; `untried` where the process had ended before, or failed otherwise.
  ChildOutcome ask(std::string_view request, const ChildLimits& limits, std::vector<char>& reply);

  /// Whether another request may be sent: nothing failed, and the process keeps little memory.
  bool is_usable() const { return usable_; }

 private:
  UniqueFd socket_;
  pid_t process_ = -1;
  bool usable_ = true;
};

/// Processes of one kind that wait for work: as many as threads have used at once. Safe to use from all threads. A
/// process that is forked from this one has a pool of its own.
class WorkerPool {
 public:
  explicit WorkerPool(Worker worker) : worker_(std::move(worker)) {}

  /// One that waits, or a new one. One that waits may have ended meanwhile: its first request is `untried` then.
  /// @throws SystemError.
  std::unique_ptr<WorkerProcess> take();
  std::unique_ptr<WorkerProcess> make() const { return std::make_unique<WorkerProcess>(worker_); }
  /// Gives one back. What is not usable is ended.
  void give_back(std::unique_ptr<WorkerProcess> process);

 private:
  void forget_those_of_the_parent();

  Worker worker_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<WorkerProcess>> waiting_;
  pid_t owner_ = -1;
};

}  // namespace monge::io
