#include "monge/dist/spawn.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <thread>

#include "monge/core/error.h"
#include "monge/dist/socket.h"

namespace monge::dist {
namespace {

std::atomic<int> to_pass_on[64];

void note(int number) { ++to_pass_on[number]; }

/// In the child: only what may be done between fork and exec.
[[noreturn]] void become(const char* program, const std::vector<char*>& words, const std::vector<char*>& environment,
                         pid_t parent, int inherited) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  if (inherited >= 0) ::fcntl(inherited, F_SETFD, 0);
  ::execve(program, words.data(), environment.data());
  ::_exit(127);
}

/// By its path, so that the ranks have the program's name.
std::string own_program() {
  char path[4096] = {};
  const auto length = ::readlink("/proc/self/exe", path, sizeof path - 1);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : "/proc/self/exe";
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_of(int64_t rank, int64_t ranks, const Listener& listener, const std::string& by) {
  std::vector<std::string> out;
  const std::vector<std::pair<std::string, std::string>> own{
      {"RANK", std::to_string(rank)},
      {"LOCAL_RANK", std::to_string(rank)},
      {"WORLD_SIZE", std::to_string(ranks)},
      {"MASTER_ADDR", "127.0.0.1"},
      {"MASTER_PORT", std::to_string(listener.port())},
      {"MONGE_LAUNCHED_BY", by},
      {"MONGE_MASTER_SOCKET", std::to_string(listener.descriptor())}};
  for (char** entry = environ; *entry; ++entry) {
    const std::string line = *entry;
    bool replaced = line.starts_with("TORCHELASTIC_");
    for (const auto& [name, value] : own) replaced = replaced || line.starts_with(name + "=");
    if (!replaced) out.push_back(line);
  }
  for (const auto& [name, value] : own) out.push_back(name + "=" + value);
  return out;
}

}  // namespace

int spawn_ranks(int64_t ranks, const std::vector<std::string>& arguments, const std::string& by,
                const std::function<void(const std::string&)>& log, double grace) {
  using Clock = std::chrono::steady_clock;
  auto listener = std::make_optional<Listener>(
      /*loopback=*/true);         // handed to rank 0, so that nobody else takes the port meanwhile
  std::signal(SIGCHLD, SIG_DFL);  // where it is ignored, as some parents leave it, the ranks' ends are not told
  constexpr int kPassed[] = {SIGINT, SIGTERM, SIGHUP};
  for (const int number : kPassed) {
    struct sigaction inherited {};
    ::sigaction(number, nullptr, &inherited);
    if (inherited.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = note;
    ::sigaction(number, &action, nullptr);
  }
  const pid_t parent = ::getpid();
  std::vector<pid_t> processes;
  const auto kill_all = [&](int number) {
    for (const pid_t process : processes) {
      if (process > 0) ::kill(process, number);
    }
  };
  auto words = arguments;
  const auto word_pointers = pointers(words);
  const auto program = own_program();
  for (int64_t rank = 0; rank < ranks; ++rank) {
    auto environment = environment_of(rank, ranks, *listener, by);
    const auto environment_pointers = pointers(environment);
    const pid_t process = ::fork();
    if (process == 0)
      become(program.c_str(), word_pointers, environment_pointers, parent, rank == 0 ? listener->descriptor() : -1);
    if (process < 0) {
      const std::string why = std::strerror(errno);
      kill_all(SIGKILL);
      throw SystemError(text("of ", ranks, " ranks number ", rank, " cannot be started: ", why));
    }
    processes.push_back(process);
  }
  listener.reset();

  std::vector<std::optional<int>> codes(processes.size());
  bool failed = false, killed = false;
  std::set<int> passed_on;
  std::string ended_by_signal;
  Clock::time_point deadline{};
  size_t left = processes.size();
  while (left > 0) {
    for (const int number : kPassed) {
      for (; to_pass_on[number] > 0; --to_pass_on[number]) {
        kill_all(number);
        passed_on.insert(number);
      }
    }
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended < 0 && errno == ECHILD) break;
    if (ended <= 0) {
      if (failed && Clock::now() > deadline) {
        kill_all(SIGKILL);
        killed = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    for (size_t rank = 0; rank < processes.size(); ++rank) {
      if (processes[rank] != ended) continue;
      const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      codes[rank] = signal == 0 ? WEXITSTATUS(status) : passed_on.contains(signal) ? 128 + signal : 1;
      if (signal != 0 && !failed && !passed_on.contains(signal)) {
        ended_by_signal =
            text("rank ", rank, " (process ", ended, ") was ended by signal ", signal, " (", ::strsignal(signal), ")");
      }
      processes[rank] = -1;
      --left;
      if (*codes[rank] == 0 || failed) continue;
      failed = true;
      deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(grace));
    }
  }
  if (killed && !ended_by_signal.empty() && log)
    log(ended_by_signal + "; so were the others then, which had not come so far as to notice");
  for (const auto& code : codes) {
    if (code != 0) return code.value_or(1);
  }
  return 0;
}

}  // namespace monge::dist
