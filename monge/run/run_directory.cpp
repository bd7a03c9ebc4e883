#include "monge/run/run_directory.h"

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
#include "monge/core/version.h"

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
  if (out.empty()) make_writable_folder(parent);
  const auto folder = out.empty() ? next_folder(parent, recipe.name) : out;
  std::error_code ignored;
  if (fs::exists(folder / "recipe.toml", ignored)) {
    throw Error(Complaint{.what = "already holds a run", .where = folder.string(),
                          .fix = "choose another --out, or go on with it: monge resume " + folder.string()});
  }
  make_writable_folder(folder);
  make_writable_folder(folder / "checkpoints");
  make_writable_folder(folder / "samples");
  real_files().replace(folder / "recipe.toml", recipe.options().to_toml(true));
  real_files().replace(folder / "environment.json", environment(device));
  return folder;
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
