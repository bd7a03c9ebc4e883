#include "monge/run/run_directory.h"

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/files.h"
#include "monge/core/quoting.h"
#include "monge/core/user_words.h"
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

/// 7 for "00007-NAME"; -1 for all other names, such as "20240501-NAME", which begins with a date.
int64_t number_of(const std::string& name) {
  const bool numbered = name.find_first_not_of("0123456789") == 5 && name[5] == '-';
  return numbered ? std::stoll(name.substr(0, 5)) : -1;
}

fs::path next_folder(const fs::path& parent, const std::string& name) {
  int64_t last = -1;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    last = std::max(last, number_of(entry.path().filename().string()));
  }
  require(last < 99'999, parent.string(), ": all run numbers are in use; choose another ", user_word("parent folder"));
  char number[24];
  std::snprintf(number, sizeof number, "%05lld", static_cast<long long>(last + 1));
  return parent / (std::string(number) + "-" + name);
}

/// Makes the next numbered folder, which no other process gets.
fs::path take_folder(const fs::path& parent, const std::string& name) {
  // Two runs of different names must not get one number, which creating their folders would not prevent; hence the
  // lock. On a file system without locks only runs of equal names are kept apart.
  const auto lock = FileLock::wait(parent, FileLock::On::folder);
  for (;;) {
    const auto folder = next_folder(parent, name);
    std::error_code failure;
    if (make_folder(folder, failure)) {
      sync_folder(parent);  // what is saved in it must not be lost with its name
      return folder;
    }
    // Not created and no failure: another process was faster, so the next number is larger now.
    require(!failure, folder.string(), ": cannot create the folder: ", failure.message(), "; choose another ",
            user_word("parent folder"));
  }
}

/// Whether the folder is empty but for the lock of a process that ended just after it had taken it.
bool is_fresh(const fs::path& folder) {
  std::error_code ignored;
  const auto entries = fs::directory_iterator(folder, ignored);
  return std::all_of(begin(entries), end(entries),
                     [](const auto& entry) { return entry.path().filename() == ".lock"; });
}

/// Removes the files of a run without a checkpoint, so that none is taken for a file of the new run.
void clear(const fs::path& folder) {
  for (const char* name : {"metrics.jsonl", "events.out.tfevents.monge", "log.txt", "summary.json", "report.html",
                           "best", ".best.part", "samples", "checkpoints"}) {
    remove_tree(folder / name);
  }
}

/// Ends a line that a crash cut short, so that the next line begins anew.
void end_torn_line(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  char last = '\n';
  if (!in.seekg(-1, std::ios::end).get(last) || last == '\n') return;
  try {
    real_files().append(file, "\n");
  } catch (const SystemError&) {
    // A full disk; log lines are shown all the same.
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

NewRun create_run(const fs::path& parent, const fs::path& out, train::Recipe recipe, torch::Device device) {
  require(recipe.name.find('/') == std::string::npos && !recipe.name.empty(), "name = \"", recipe.name,
          "\": the name of a run becomes a folder name, so it must not be empty or contain a slash");
  const auto toml = recipe.options().to_toml(true);  // throws before a folder is made
  if (out.empty()) make_writable_folder(parent);
  const auto folder = out.empty() ? take_folder(parent, recipe.name) : out;
  std::error_code ignored;
  const bool is_run = fs::exists(folder / "recipe.toml", ignored) && fs::exists(folder / "environment.json", ignored);
  const auto refuse_checkpoints = [&] {
    if (train::list_checkpoints(folder / "checkpoints").empty()) return;
    throw InputError({.what = "already holds a run",
                      .where = folder.string(),
                      .fix = text("choose another ", user_word("output folder"), ", or resume it: ",
                                  user_word("session::resume()"), " ", shell_quoted(folder.string()))});
  };
  if (is_run) refuse_checkpoints();
  require(is_run || !fs::exists(folder, ignored) || (fs::is_directory(folder, ignored) && is_fresh(folder)),
          folder.string(), ": holds files that do not belong to a run; choose another ", user_word("output folder"));
  make_writable_folder(folder);
  // Locked before any change, because the run may belong to another process that has no checkpoint yet.
  auto lock = lock_run(folder);
  refuse_checkpoints();
  clear(folder);
  make_writable_folder(folder / "checkpoints");
  make_writable_folder(folder / "samples");
  real_files().replace(folder / "recipe.toml", toml);
  real_files().replace(folder / "environment.json", environment(device));
  return {folder, std::move(lock)};
}

FileLock lock_run(const fs::path& folder) {
  return FileLock::take(folder / ".lock", FileLock::On::file,
                        {.what = "is in use by another monge process",
                         .where = folder.string(),
                         .fix = "wait for it, or stop it with Ctrl-C"});
}

LogSink log_to_file(const fs::path& folder, LogSink next) {
  end_torn_line(folder / "log.txt");
  return [file = folder / "log.txt", next = std::move(next)](LogLevel level, const std::string& line) {
    static std::mutex guard;
    const std::lock_guard lock(guard);
    next(level, line);
    try {
      real_files().append(file, now("%H:%M:%S ") + (level == LogLevel::warning ? "warning: " : "") + line + "\n");
    } catch (const SystemError&) {
      // A full disk must not hide the message that was just passed on.
    }
  };
}

}  // namespace monge::run
