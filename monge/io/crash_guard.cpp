#include "monge/io/crash_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "monge/core/checked.h"
#include "monge/core/error.h"

namespace monge::io {
namespace {

constexpr int kThrew = 43;  // apart from the codes of sanitizers and of exit()

bool trial_child = false;

[[noreturn]] void be_child(const std::function<void()>& work, int64_t most_seconds) {
  trial_child = true;
  const rlimit time{static_cast<rlim_t>(most_seconds), static_cast<rlim_t>(most_seconds) + 1};
  ::setrlimit(RLIMIT_CPU, &time);
  ::signal(SIGXCPU, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int fatal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::signal(fatal, SIG_DFL);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);  // what the C library writes before it aborts
  try {
    work();
  } catch (...) {
    ::_exit(kThrew);
  }
  ::_exit(0);
}

}  // namespace

bool is_trial_child() { return trial_child; }

TrialEnd run_in_child(const std::function<void()>& work, int64_t most_seconds) {
  const pid_t child = ::fork();
  if (child < 0) return TrialEnd::threw;
  if (child == 0) be_child(work, most_seconds);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return TrialEnd::threw;
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) return TrialEnd::stuck;
  if (!WIFEXITED(status)) return TrialEnd::crashed;
  return WEXITSTATUS(status) == 0        ? TrialEnd::done
         : WEXITSTATUS(status) == kThrew ? TrialEnd::threw
                                         : TrialEnd::crashed;
}

int64_t most_seconds_for(const std::string& file) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(file, failure);
  return 60 + (failure ? 0 : static_cast<int64_t>(bytes / 1'000'000));
}

void require_survived(TrialEnd end, const std::string& file) {
  if (end != TrialEnd::crashed && end != TrialEnd::stuck) return;
  throw InputError({.what = end == TrialEnd::crashed ? "the file is damaged: HDF5 crashes on it"
                                                     : text("the file is damaged: reading it took HDF5 more than ",
                                                            most_seconds_for(file), " s of processor time"),
                    .where = file,
                    .fix = "get it again from where it came"});
}

torch::Tensor shared_zeros(const std::vector<int64_t>& shape, torch::ScalarType type) {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(type));
  for (const int64_t extent : shape) bytes = checked_multiply(bytes, extent, "a table");
  if (bytes == 0) return torch::zeros(shape, type);
  void* memory = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw SystemError(text("no memory for ", bytes, " bytes: ", std::strerror(errno)));
  const auto free = [bytes](void* at) { ::munmap(at, static_cast<size_t>(bytes)); };
  return torch::from_blob(memory, shape, free, torch::TensorOptions().dtype(type));
}

}  // namespace monge::io
