#include "monge/io/worker_process.h"

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

/// @return false at the end of the file or an error.
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

[[noreturn]] void be_worker(const Worker& worker, int socket, std::chrono::milliseconds patience) {
  close_all_but(socket);
  set_up_child();
  for (const int asked : {SIGINT, SIGTERM, SIGHUP}) ::signal(asked, SIG_IGN);  // the parent ends this process
  const int64_t base = limited_bytes();
  for (;;) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) == 0) ::_exit(0);
    RequestHeader header{};
    if (!receive(socket, &header, sizeof header)) ::_exit(0);
    limit_child(header.limits, base > 0 ? base + kMostKept : 0);
    std::vector<char> reply;
    auto outcome = run_work([&] {
      std::vector<char> request(static_cast<size_t>(header.bytes));
      if (!receive(socket, request.data(), request.size())) ::_exit(0);
      reply = worker({request.data(), request.size()});
    });
    if (outcome.end == End::refused) {
      const auto complaint = packed(outcome.complaint);
      reply.assign(complaint.begin(), complaint.end());
    }
    const ReplyHeader answer{outcome.end, static_cast<int64_t>(reply.size()), kept_since(base)};
    if (!send_all(socket, &answer, sizeof answer) || !send_all(socket, reply.data(), reply.size())) ::_exit(0);
  }
}

}  // namespace

WorkerProcess::WorkerProcess(const Worker& worker, std::chrono::milliseconds patience) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw SystemError(text("no socket for a process: ", std::strerror(errno)));
  socket_.reset(ends[0]);
  UniqueFd other(ends[1]);
  process_ = ::fork();
  if (process_ < 0) throw SystemError(text("no process can be made: ", std::strerror(errno)));
  if (process_ == 0) be_worker(worker, other.get(), patience);
}

WorkerProcess::~WorkerProcess() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  wait_for_child(process_);
}

ChildOutcome WorkerProcess::ask(std::string_view request, const ChildLimits& limits, std::vector<char>& reply) {
  const RequestHeader header{limits, static_cast<int64_t>(request.size())};
  ReplyHeader answer{};
  const bool sent =
      send_all(socket_.get(), &header, sizeof header) && send_all(socket_.get(), request.data(), request.size());
  if (!sent || !receive(socket_.get(), &answer, sizeof answer)) {
    usable_ = false;
    const auto exit = wait_for_child(std::exchange(process_, -1));
    return {.end = exit.code == 0 ? End::untried : exit.end};
  }
  reply.resize(static_cast<size_t>(answer.bytes));
  if (!receive(socket_.get(), reply.data(), reply.size())) {
    usable_ = false;
    return {.end = End::crashed};
  }
  usable_ = answer.end != End::exhausted && answer.end != End::untried && answer.kept <= kMostKept;
  ChildOutcome out{.end = answer.end};
  if (out.end == End::refused) out.complaint = unpacked_complaint({reply.data(), reply.size()});
  return out;
}

void WorkerPool::forget_those_of_the_parent() {
  if (owner_ == ::getpid()) return;
  for (auto& process : waiting_) static_cast<void>(process.release());  // not to be ended or waited for here
  waiting_.clear();
  owner_ = ::getpid();
}

std::unique_ptr<WorkerProcess> WorkerPool::take() {
  const std::lock_guard lock(mutex_);
  forget_those_of_the_parent();
  if (waiting_.empty()) return make();
  auto out = std::move(waiting_.back());
  waiting_.pop_back();
  return out;
}

void WorkerPool::give_back(std::unique_ptr<WorkerProcess> process) {
  const std::lock_guard lock(mutex_);
  forget_those_of_the_parent();
  if (process->is_usable()) waiting_.push_back(std::move(process));
}

}  // namespace monge::io
