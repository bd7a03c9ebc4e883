#include "monge/cli/command.h"

#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/core/names.h"

namespace monge::cli {
namespace {

std::atomic<bool> stop{false};

void on_signal(int number) {
  if (stop.exchange(true)) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
  static constexpr char answer[] = "\nstopping at the next safe point; once more stops at once\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, answer, sizeof answer - 1);
}

}  // namespace

void add_output_flags(CLI::App& command, Common& common) {
  command.add_flag("-q,--quiet", common.quiet, "Show warnings and errors only");
  command.add_flag("--json", common.json, "Print one JSON object per result on stdout and nothing else there");
}

void add_common(CLI::App& command, Common& common) {
  add_output_flags(command, common);
  command.add_option("--device", common.device, "Where to compute")->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  command.add_option("--threads", common.threads, "CPU threads; 0 takes all cores")->check(CLI::Range(0, 4096))
      ->capture_default_str();
}

namespace {

/// The GPU of a rank. Launchers let a rank see its own alone, or all of the host's.
torch::Device gpu_of(const dist::World& world) {
  const auto seen = static_cast<int64_t>(torch::cuda::device_count());
  const auto& place = world.place();
  if (seen > 1 && place.local_rank >= seen) {
    throw Error(Complaint{.what = text("host ", place.host, " has ", place.local_size, " ranks and ", seen, " GPUs"),
                          .fix = text("start at most ", seen, " ranks there")});
  }
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(seen > 1 ? place.local_rank : 0)};
}

}  // namespace

torch::Device device_of(const Common& common, const std::string& recipe_device, const dist::World* world) {
  const bool available = torch::cuda::is_available();
  const auto& wanted = common.device == "auto" ? recipe_device : common.device;
  if (wanted == "cuda" && !available) {
    throw Error(Complaint{.what = "no CUDA device can be used", .where = "--device", .value = "cuda",
                          .fix = "use --device cpu; monge info says what this build can use"});
  }
  if (wanted == "cpu" || !available) return torch::kCPU;
  return world ? gpu_of(*world) : torch::Device(torch::kCUDA);
}

void set_threads(const Common& common, int64_t recipe_threads, const dist::World* world) {
  const int64_t wanted = common.threads > 0 ? common.threads : recipe_threads;
  int64_t cores = std::max(1u, std::thread::hardware_concurrency());  // that this process may use
  // mpirun and srun mostly bind a rank to cores of its own; where they do not, the ranks of a host divide all.
  if (world && cores == ::sysconf(_SC_NPROCESSORS_ONLN)) cores = std::max<int64_t>(1, cores / world->place().local_size);
  at::set_num_threads(static_cast<int>(wanted > 0 ? wanted : cores));
}

LogSink log_sink(const Common& common) {
  return [quiet = common.quiet](LogLevel level, const std::string& line) {
    static std::mutex guard;
    const std::lock_guard lock(guard);
    if (level == LogLevel::warning) {
      std::cerr << "monge: warning: " << printable(line) << std::endl;
    } else if (!quiet) {
      std::cerr << printable(line) << std::endl;
    }
  };
}

Progress::Style progress_style(const Common& common) {
  if (common.quiet) return Progress::Style::quiet;
  return isatty(STDERR_FILENO) ? Progress::Style::terminal : Progress::Style::plain;
}

std::function<void(int64_t, int64_t)> progress_callback(const Common& common, const std::string& label) {
  struct State {
    std::unique_ptr<Progress> line;
    int64_t total = 0;
  };
  return [state = std::make_shared<State>(), style = progress_style(common), label](int64_t done, int64_t total) {
    if (!state->line || state->total != total || done == 0) {
      state->line = std::make_unique<Progress>(std::cerr, style, label, total);
      state->total = total;
    }
    state->line->update(done);
    if (done >= total) state->line.reset();
  };
}

std::string json_text(const nlohmann::ordered_json& object, int indent) {
  return object.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
}

void print_json(const nlohmann::ordered_json& object) { std::cout << json_text(object) << std::endl; }

const std::atomic<bool>& stop_flag() { return stop; }

void watch_signals(bool in_job) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    if (number == SIGUSR1 && !in_job) continue;
    struct sigaction inherited {};
    sigaction(number, nullptr, &inherited);
    if (inherited.sa_handler == SIG_IGN) continue;  // as nohup and a shell's background jobs want it
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
}

}  // namespace monge::cli
