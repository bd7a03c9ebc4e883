#include "monge/run/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>
#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/version.h>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/shell.h"
#include "monge/core/version.h"
#include "monge/train/checkpoint.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string now(const char* format) {
  const auto time = std::time(nullptr);
  std::tm local{};
  localtime_r(&time, &local);
  char out[64];
  std::strftime(out, sizeof out, format, &local);
  return out;
}

/// Held while a number is taken: two runs of different names must not get one number either, which making their folders
/// would not tell. Where a file system knows no such locks, only equal names are kept apart.
class NumberLock {
 public:
  explicit NumberLock(const fs::path& parent) : descriptor_(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~NumberLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  NumberLock(const NumberLock&) = delete;
  NumberLock& operator=(const NumberLock&) = delete;

 private:
  int descriptor_;
};

fs::path next_folder(const fs::path& parent, const std::string& name) {
  int64_t last = -1;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    long long number = 0;
    if (std::sscanf(entry.path().filename().c_str(), "%5lld-", &number) == 1) last = std::max<int64_t>(last, number);
  }
  char number[24];
  std::snprintf(number, sizeof number, "%05lld", static_cast<long long>(last + 1));
  return parent / (std::string(number) + "-" + name);
}

/// Makes the next numbered folder; nobody else has it.
fs::path take_folder(const fs::path& parent, const std::string& name) {
  const NumberLock lock(parent);
  for (;;) {
    const auto folder = next_folder(parent, name);
    std::error_code failure;
    if (fs::create_directory(folder, failure)) return folder;
    // Not made and no failure: another process was faster, and the next number is larger now.
    require(!failure, folder.string(), ": cannot create the folder: ", failure.message(), "; choose another --runs");
  }
}

}  // namespace

std::string environment(torch::Device device) {
  nlohmann::ordered_json out{{"monge", version()},
                             {"libtorch", TORCH_VERSION},
                             {"device", device.str()},
                             {"processor", processor()},
                             {"cores", std::thread::hardware_concurrency()},
                             {"threads", at::get_num_threads()},
                             {"started", now("%Y-%m-%dT%H:%M:%S%z")}};
  return out.dump(2) + "\n";
}

fs::path create_run(const fs::path& parent, const fs::path& out, train::Recipe recipe, torch::Device device) {
  require(recipe.name.find('/') == std::string::npos && !recipe.name.empty(), "name = \"", recipe.name,
          "\": the name of a run becomes a folder, so it must not be empty or hold a slash");
  const auto toml = recipe.options().to_toml(true);  // complains before there is a folder
  if (out.empty()) make_writable_folder(parent);
  const auto folder = out.empty() ? take_folder(parent, recipe.name) : out;
  std::error_code ignored;
  const bool is_run = fs::exists(folder / "recipe.toml", ignored) && fs::exists(folder / "environment.json", ignored);
  if (is_run && !train::list_checkpoints(folder / "checkpoints").empty()) {
    throw Error(Complaint{.what = "already holds a run", .where = folder.string(),
                          .fix = "choose another --out, or go on with it: monge resume " + shell_quoted(folder.string())});
  }
  require(is_run || !fs::exists(folder, ignored) || fs::is_empty(folder, ignored), folder.string(),
          ": holds files that are no run's; choose another --out");
  if (is_run) fs::remove(folder / "metrics.jsonl", ignored);
  make_writable_folder(folder);
  make_writable_folder(folder / "checkpoints");
  make_writable_folder(folder / "samples");
  real_files().replace(folder / "recipe.toml", toml);
  real_files().replace(folder / "environment.json", environment(device));
  return folder;
}

RunLock::RunLock(const fs::path& folder) : descriptor_(::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw Error(Complaint{.what = "is in use by another monge process", .where = folder.string(),
                          .fix = "wait for it, or stop it with Ctrl-C"});
  }
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

LogSink log_to_file(const fs::path& folder, LogSink next) {
  return [file = folder / "log.txt", next = std::move(next)](LogLevel level, const std::string& line) {
    next(level, line);
    try {
      real_files().append(file, now("%H:%M:%S ") + (level == LogLevel::warning ? "warning: " : "") + line + "\n");
    } catch (const SystemError&) {
      // A full disk must not hide the message that was just passed on.
    }
  };
}

}  // namespace monge::run
