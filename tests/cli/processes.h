// Programs that run beside the test.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/program.h"

namespace monge::testing {

/// A line of the shell that runs in a folder; killed with all that it started when this is destroyed.
class Running {
 public:
  Running(const std::filesystem::path& folder, const std::string& line, const std::string& name = "run")
      : out_(folder / (name + ".out")), err_(folder / (name + ".err")) {
    process_ = ::fork();
    if (process_ != 0) return;
    ::setpgid(0, 0);
    // A shell starts commands of its background with SIGINT ignored, and the program respects that.
    std::signal(SIGINT, SIG_DFL);
    const std::string whole =
        "cd '" + folder.string() + "' && exec " + line + " >'" + out_.string() + "' 2>'" + err_.string() + "'";
    ::execl("/bin/bash", "bash", "-c", whole.c_str(), nullptr);
    ::_exit(127);
  }
  ~Running() {
    if (process_ <= 0) return;
    for (const pid_t child : descendants()) ::kill(child, SIGKILL);
    ::kill(-process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  pid_t process() const { return process_; }

  /// Waits for the end. @return exit code; 128 + signal; -1 when it goes on after `seconds`.
  int wait(double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    int status = 0;
    while (::waitpid(process_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > end) return -1;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string out() const { return slurp(out_); }
  std::string err() const { return slurp(err_); }

  std::vector<pid_t> descendants() const {
    std::vector<pid_t> out{process_};
    for (size_t i = 0; i < out.size(); ++i) {
      const auto id = std::to_string(out[i]);
      std::istringstream children(slurp("/proc/" + id + "/task/" + id + "/children"));
      for (pid_t child = 0; children >> child;) out.push_back(child);
    }
    return out;
  }

  /// @return whether there is such a process.
  bool signal_rank(int rank, int signal) const {
    const pid_t process = this->rank(rank);
    return process > 0 && ::kill(process, signal) == 0;
  }

  /// The process of a rank, by its environment; 0 when there is none.
  pid_t rank(int rank) const {
    for (const pid_t process : descendants()) {
      const auto environment = '\0' + slurp("/proc/" + std::to_string(process) + "/environ");
      for (const char* name : {"RANK=", "OMPI_COMM_WORLD_RANK="}) {
        if (environment.find('\0' + (name + std::to_string(rank)) + '\0') != std::string::npos) return process;
      }
    }
    return 0;
  }

 private:
  std::filesystem::path out_, err_;
  pid_t process_;
};

/// Waits for a file or folder that stays once it is there: one that comes and goes may do so between two looks.
/// @return whether it came.
inline bool appears(const std::filesystem::path& path, double seconds = 60) {
  for (int i = 0; i < seconds * 50 && !std::filesystem::exists(path); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return std::filesystem::exists(path);
}

/// Starts `monge ARGUMENTS` in `folder`, waits for `sign` to appear, sends a signal, waits for the end.
inline Result monge_with_signal(const std::filesystem::path& folder, const std::string& arguments,
                                const std::filesystem::path& sign, int signal) {
  Running program(folder, "'" MONGE_PROGRAM "' " + arguments, ".signalled");
  EXPECT_TRUE(appears(sign)) << program.err();
  ::kill(program.process(), signal);
  const int code = program.wait(120);
  return {code, program.out(), program.err()};
}

}  // namespace monge::testing
