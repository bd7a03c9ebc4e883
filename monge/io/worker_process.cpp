#include "monge/io/worker_process.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "monge/core/error.h"

namespace monge::io {
namespace {

using End = ChildOutcome::End;

/// What a process may keep of its work, caches of fonts for instance; limits count what exceeds it.
constexpr int64_t kMostKept = int64_t{32} << 20;

struct RequestHeader {
  ChildLimits limits;
  int64_t bytes;
};

struct ReplyHeader {
  End end;
  int64_t bytes;  ///< of the reply, or of the complaint
  int64_t kept;   ///< of the memory of the process, beyond what it had at its start
};

/// The worker's side, which has nothing else to do. @return false when the parent has gone.
bool receive(int socket, void* to, size_t bytes) {
  for (auto* at = static_cast<char*>(to); bytes > 0;) {
    const auto got = ::recv(socket, at, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

bool send_all(int socket, const void* from, size_t bytes) {
  for (const auto* at = static_cast<const char*>(from); bytes > 0;) {
    const auto sent = ::send(socket, at, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    bytes -= static_cast<size_t>(sent);
  }
  return true;
}

/// Closes what the parent has open: its locks of files, and the sockets of other processes, would stay open with this
/// one.
void close_all_but(int kept) {
  const auto close_from_to = [](unsigned first, unsigned last) {
    if (first > last) return;
#ifdef SYS_close_range
    if (::syscall(SYS_close_range, first, last, 0) == 0) return;
#endif
    const long most = ::sysconf(_SC_OPEN_MAX);
    for (unsigned fd = first; fd <= last && static_cast<long>(fd) < most; ++fd) ::close(static_cast<int>(fd));
  };
  close_from_to(STDERR_FILENO + 1, static_cast<unsigned>(kept) - 1);
  close_from_to(static_cast<unsigned>(kept) + 1, ~0u);
}

int64_t kept_since(int64_t base) {
#ifdef __GLIBC__
  if (limited_bytes() - base > kMostKept) ::malloc_trim(0);
#endif
  return limited_bytes() - base;
}

/// noexcept: what is thrown here must not run the code of the parent.
[[noreturn]] void be_worker(const Worker& worker, int socket, std::chrono::milliseconds idle) noexcept {
  socket = ::fcntl(socket, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close_all_but(socket);
  set_up_child();
  sigset_t all;
  ::sigfillset(&all);
  for (const int fatal : {SIGXCPU, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::sigdelset(&all, fatal);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);  // those for the parent come to its whole group; it ends this process
  const int64_t base = limited_bytes();
  for (;;) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(idle.count())) == 0) ::_exit(0);
    RequestHeader header{};
    if (!receive(socket, &header, sizeof header)) ::_exit(0);
    limit_child(header.limits, base > 0 ? base + kMostKept : 0);
    std::vector<char> request(static_cast<size_t>(header.bytes)), reply;
    if (!receive(socket, request.data(), request.size())) ::_exit(0);
    auto outcome = run_work([&] { reply = worker({request.data(), request.size()}); });
    request = {};
    if (outcome.has_complaint()) {
      const auto complaint = packed(outcome.complaint);
      reply.assign(complaint.begin(), complaint.end());
    }
    const ReplyHeader answer{outcome.end, static_cast<int64_t>(reply.size()),
                             kept_since(base + static_cast<int64_t>(reply.capacity()))};
    if (!send_all(socket, &answer, sizeof answer) || !send_all(socket, reply.data(), reply.size())) ::_exit(0);
  }
}

/// A descriptor that is ready when the process has ended; -1 where the system has none.
int descriptor_of(pid_t process) {
#ifdef SYS_pidfd_open
  return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
#else
  return -1;
#endif
}

}  // namespace

WorkerProcess::WorkerProcess(const Worker& worker, const WorkerPatience& patience) : patience_(patience) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw SystemError(text("no socket for a process: ", std::strerror(errno)));
  socket_.reset(ends[0]);
  UniqueFd other(ends[1]);
  process_ = ::fork();
  if (process_ < 0) throw SystemError(text("no process can be made: ", std::strerror(errno)));
  if (process_ == 0) be_worker(worker, other.get(), patience.idle);
  ended_.reset(descriptor_of(process_));
}

WorkerProcess::~WorkerProcess() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  wait_for_child(process_);
}

void WorkerProcess::abandon() { process_ = -1; }

bool WorkerProcess::wait_for(short event) {
  for (std::string before;;) {
    // The end of the process is waited for as well: a process that was forked meanwhile may keep its socket open.
    pollfd ready[] = {{.fd = socket_.get(), .events = event, .revents = 0},
                      {.fd = ended_.get(), .events = POLLIN, .revents = 0}};
    const int count = ::poll(ready, 2, static_cast<int>(patience_.silence.count()));
    if (count < 0) continue;
    if (ready[0].revents != 0) return true;
    if (count > 0) return false;
    const auto now = activity_of(process_);
    is_silent_ = !now.empty() && now == before;
    if (is_silent_) return false;
    before = now;
  }
}

bool WorkerProcess::transfer(short event, char* at, size_t bytes) {
  while (bytes > 0) {
    const auto done = event == POLLIN ? ::recv(socket_.get(), at, bytes, MSG_DONTWAIT)
                                      : ::send(socket_.get(), at, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done > 0) {
      at += done;
      bytes -= static_cast<size_t>(done);
    } else if (done == 0 || (errno != EINTR && errno != EAGAIN) || !wait_for(event)) {
      return false;
    }
  }
  return true;
}

ChildOutcome WorkerProcess::ask(std::string_view request, const ChildLimits& limits, int64_t most_bytes,
                                std::vector<char>& reply) {
  constexpr int64_t kMostComplaint = 1 << 20;
  if (process_ < 0) return {};
  // Until all is well: an exception must not leave a process that is out of step.
  usable_ = false;
  RequestHeader header{limits, static_cast<int64_t>(request.size())};
  ReplyHeader answer{};
  const auto failed = [&]() -> ChildOutcome {
    if (is_silent_) return {};
    ::kill(process_, SIGKILL);  // where it broke off by itself, it has ended, or is about to
    return {.end = wait_for_child(std::exchange(process_, -1))};
  };
  if (!transfer(POLLOUT, reinterpret_cast<char*>(&header), sizeof header) ||
      !transfer(POLLOUT, const_cast<char*>(request.data()), request.size()) ||
      !transfer(POLLIN, reinterpret_cast<char*>(&answer), sizeof answer))
    return failed();
  ChildOutcome out{.end = answer.end};
  if (answer.bytes < 0 || answer.bytes > (out.has_complaint() ? kMostComplaint : most_bytes)) return failed();
  reply.resize(static_cast<size_t>(answer.bytes));
  if (!transfer(POLLIN, reply.data(), reply.size())) return failed();
  has_served_ = true;
  usable_ = (out.end == End::done || out.end == End::refused) && answer.kept <= kMostKept;
  if (out.has_complaint()) out.complaint = unpacked_complaint({reply.data(), reply.size()});
  return out;
}

void WorkerPool::forget_those_of_the_parent() {
  if (owner_ == ::getpid()) return;
  for (auto& process : waiting_) process->abandon();
  waiting_.clear();
  owner_ = ::getpid();
}

std::unique_ptr<WorkerProcess> WorkerPool::take() {
  {
    const std::lock_guard lock(mutex_);
    forget_those_of_the_parent();
    if (!waiting_.empty()) {
      auto out = std::move(waiting_.back());
      waiting_.pop_back();
      return out;
    }
  }
  return make();
}

void WorkerPool::give_back(std::unique_ptr<WorkerProcess> process) {
  if (!process->is_usable()) return;
  const std::lock_guard lock(mutex_);
  forget_those_of_the_parent();
  waiting_.push_back(std::move(process));
}

}  // namespace monge::io
