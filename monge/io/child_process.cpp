#include "monge/io/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <new>

namespace monge::io {
namespace {

template <class Any>
auto parts_of(Any& complaint) {
  return std::array{&complaint.what, &complaint.where, &complaint.value, &complaint.allowed, &complaint.fix};
}

}  // namespace

void set_up_child() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  for (const int fatal : {SIGXCPU, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::signal(fatal, SIG_DFL);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);  // what libraries write before they abort
}

int64_t limited_bytes() {
  std::ifstream lines("/proc/self/status");
  for (std::string word; lines >> word;) {
    int64_t kib = 0;
    if (word == "VmData:" && lines >> kib) return kib << 10;
  }
  return 0;
}

void limit_child(const ChildLimits& limits, int64_t base) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto set = [](auto what, int64_t most) {
    rlimit both{};
    ::getrlimit(what, &both);
    both.rlim_cur = std::min(static_cast<rlim_t>(most), both.rlim_max);
    ::setrlimit(what, &both);
  };
  set(RLIMIT_CPU, used.ru_utime.tv_sec + used.ru_stime.tv_sec + limits.seconds);
  if (base > 0) set(RLIMIT_DATA, base + limits.bytes);
}

ChildOutcome run_work(const std::function<void()>& work) {
  using End = ChildOutcome::End;
  try {
    work();
    return {.end = End::done};
  } catch (const InputError& error) {
    return {.end = End::refused, .complaint = error.complaint()};
  } catch (const std::bad_alloc&) {
    return {.end = End::exhausted};
  } catch (...) {
    return {.end = End::untried};
  }
}

ChildExit wait_for_child(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return {};
  }
  if (WIFEXITED(status)) return {.code = WEXITSTATUS(status), .end = ChildOutcome::End::crashed};
  const bool stuck = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
  return {.end = stuck ? ChildOutcome::End::stuck : ChildOutcome::End::crashed};
}

std::string packed(const Complaint& complaint) {
  std::string out;
  for (const auto* part : parts_of(complaint)) out.append(*part, 0, part->find('\0')) += '\0';
  return out;
}

Complaint unpacked_complaint(std::string_view bytes) {
  Complaint out;
  for (auto* part : parts_of(out)) {
    const auto end = std::min(bytes.find('\0'), bytes.size());
    *part = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return out;
}

}  // namespace monge::io
