#include "monge/io/child_process.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <new>
#include <sstream>

namespace monge::io {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kAllocator = int64_t{1} << 30;  // sanitizers keep what is freed, and pad what is not
#else
constexpr int64_t kAllocator = 0;
#endif

template <class Any>
auto parts_of(Any& complaint) {
  return std::array{&complaint.what, &complaint.where, &complaint.value, &complaint.allowed, &complaint.fix};
}

}  // namespace

void set_up_child() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  sigset_t limits;
  ::sigemptyset(&limits);
  ::sigaddset(&limits, SIGXCPU);
  ::pthread_sigmask(SIG_UNBLOCK, &limits, nullptr);
#ifdef __GLIBC__
  constexpr int kUsual = 128 << 10;  // a training asks for far more at once
  for (const int amount : {M_TOP_PAD, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD}) ::mallopt(amount, kUsual);
#endif
  for (const int fatal : {SIGXCPU, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::signal(fatal, SIG_DFL);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  ::dup2(nowhere, STDOUT_FILENO);  // whose reader waits until the last process has closed it
  ::dup2(nowhere, STDERR_FILENO);  // what libraries write before they abort
}

std::string activity_of(pid_t process) {
  std::ifstream file(text("/proc/", process, "/stat"));
  std::string all{std::istreambuf_iterator<char>(file), {}};
  // "PID (NAME) STATE", then numbers; the 14th and 15th words are processor times.
  std::istringstream words(all.substr(std::min(all.rfind(')') + 1, all.size())));
  std::string out;
  int number = 2;
  for (std::string word; number < 15 && words >> word;) {
    ++number;
    if (number == 3 && word != "S") return {};
    if (number >= 14) out += word + ' ';
  }
  return out;
}

int64_t limited_bytes() {
  // The sixth number is pages of data and of the first stack, which is small. The file "status" takes ten times as
  // long.
  std::ifstream numbers("/proc/self/statm");
  int64_t pages = 0;
  for (int k = 0; k < 6; ++k) numbers >> pages;
  return numbers ? pages * ::sysconf(_SC_PAGESIZE) : 0;
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
  constexpr int64_t kRounding = 1;
  set(RLIMIT_CPU, used.ru_utime.tv_sec + used.ru_stime.tv_sec + kRounding + limits.seconds);
  if (base > 0) set(RLIMIT_DATA, base + limits.bytes + kAllocator);
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
  } catch (const std::exception& error) {
    return {.end = End::failed, .complaint = {.what = error.what()}};
  } catch (...) {
    return {.end = End::failed};
  }
}

ChildOutcome::End wait_for_child(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return ChildOutcome::End::crashed;  // the host program has others wait for its children
  }
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU ? ChildOutcome::End::stuck : ChildOutcome::End::crashed;
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
