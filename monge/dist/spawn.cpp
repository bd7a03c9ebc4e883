#include "monge/dist/spawn.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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

std::atomic<int> pending_signals[64];

void note_signal(int number) { ++pending_signals[number]; }

/// Runs in the child, so it uses only calls that are safe between fork and exec.
[[noreturn]] void become(const char* program, const std::vector<char*>& words, const std::vector<char*>& environment,
                         pid_t parent, int inherited) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  if (inherited >= 0) ::fcntl(inherited, F_SETFD, 0);
  ::execve(program, words.data(), environment.data());
  ::_exit(127);
}

/// The path of this program, so that the ranks run under its name and not as /proc/self/exe.
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

constexpr int kPassedOn[] = {SIGINT, SIGTERM, SIGHUP};

/// Catches the signals that are passed on, except those that this process was started to ignore (nohup).
void catch_signals() {
  std::signal(SIGCHLD, SIG_DFL);  // some parents leave it ignored, and then waitpid reports no rank's end
  for (const int number : kPassedOn) {
    struct sigaction inherited {};
    ::sigaction(number, nullptr, &inherited);
    if (inherited.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = note_signal;
    ::sigaction(number, &action, nullptr);
  }
}

/// The processes of the ranks, by rank.
class RankProcesses {
 public:
  void start(int64_t ranks, const std::vector<std::string>& arguments, const std::string& by) {
    Listener listener(/*loopback=*/true);  // rank 0 inherits it, so that nobody else takes the port meanwhile
    const pid_t parent = ::getpid();
    auto words = arguments;
    const auto word_pointers = pointers(words);
    const auto program = own_program();
    for (int64_t rank = 0; rank < ranks; ++rank) {
      auto environment = environment_of(rank, ranks, listener, by);
      const auto environment_pointers = pointers(environment);
      const pid_t process = ::fork();
      if (process == 0)
        become(program.c_str(), word_pointers, environment_pointers, parent, rank == 0 ? listener.descriptor() : -1);
      if (process < 0) {
        const std::string why = std::strerror(errno);
        kill_all(SIGKILL);
        throw SystemError(text("cannot start rank ", rank, " of ", ranks, " ranks: ", why));
      }
      processes_.push_back(process);
    }
    codes_.resize(processes_.size());
  }

  /// Waits for all, and kills those that are left `grace` seconds after a rank has failed.
  void wait(double grace) {
    using Clock = std::chrono::steady_clock;
    std::optional<Clock::time_point> deadline;
    for (size_t left = processes_.size(); left > 0;) {
      pass_signals_on();
      int status = 0;
      const pid_t ended = ::waitpid(-1, &status, WNOHANG);
      if (ended < 0 && errno == ECHILD) break;
      if (ended <= 0) {
        if (deadline && Clock::now() > *deadline) {
          kill_all(SIGKILL);
          killed_ = true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      const auto found = std::find(processes_.begin(), processes_.end(), ended);
      if (found == processes_.end()) continue;
      --left;
      if (record_end(static_cast<size_t>(found - processes_.begin()), status, /*first_failure=*/!deadline) && !deadline)
        deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(grace));
    }
  }

  int exit_code() const {
    for (const auto& code : codes_) {
      if (code != 0) return code.value_or(1);
    }
    return 0;
  }

  /// Names the rank that a signal ended when the others had to be killed, because they had not noticed; else empty.
  std::string killed_by_signal() const { return killed_ ? ended_by_signal_ : std::string(); }

 private:
  void kill_all(int number) {
    for (const pid_t process : processes_) {
      if (process > 0) ::kill(process, number);
    }
  }

  void pass_signals_on() {
    for (const int number : kPassedOn) {
      for (; pending_signals[number] > 0; --pending_signals[number]) {
        kill_all(number);
        passed_on_.insert(number);
      }
    }
  }

  /// @return whether the rank failed.
  bool record_end(size_t rank, int status, bool first_failure) {
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const bool was_passed_on = passed_on_.contains(signal);
    codes_[rank] = signal == 0 ? WEXITSTATUS(status) : was_passed_on ? 128 + signal : 1;
    if (signal != 0 && first_failure && !was_passed_on) {
      ended_by_signal_ = text("rank ", rank, " (process ", processes_[rank], ") was killed by signal ", signal, " (",
                              ::strsignal(signal), ")");
    }
    processes_[rank] = -1;
    return *codes_[rank] != 0;
  }

  std::vector<pid_t> processes_;  ///< -1: has ended
  std::vector<std::optional<int>> codes_;
  std::set<int> passed_on_;  ///< signals
  bool killed_ = false;      ///< after the grace
  std::string ended_by_signal_;
};

}  // namespace

int spawn_ranks(int64_t ranks, const std::vector<std::string>& arguments, const std::string& by,
                const std::function<void(const std::string&)>& log, double grace) {
  catch_signals();
  RankProcesses processes;
  processes.start(ranks, arguments, by);
  processes.wait(grace);
  const auto killed = processes.killed_by_signal();
  if (!killed.empty() && log) log(killed + "; the other ranks had not detected this yet and were killed too");
  return processes.exit_code();
}

}  // namespace monge::dist
