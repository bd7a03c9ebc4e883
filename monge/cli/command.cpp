#include "monge/cli/command.h"

#include <unistd.h>

#include <csignal>
#include <ctime>
#include <iostream>
#include <memory>
#include <mutex>

#include "monge/core/names.h"
#include "monge/core/part_guard.h"
#include "monge/session/summary.h"

namespace monge::cli {
namespace {

std::atomic<bool> stop{false}, quiet{false};
std::atomic<int64_t> first_signal_at{0}, repeat_window{0};  // seconds

int64_t seconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

void on_signal(int number) {
  if (stop.exchange(true)) {
    if (seconds_now() - first_signal_at < repeat_window) return;  // the same signal on another path
    remove_guarded_parts();
    std::signal(number, SIG_DFL);
    std::raise(number);  // delivered after this handler returns
    return;
  }
  first_signal_at = seconds_now();
  if (quiet) return;
  static constexpr char answer[] = "\nstopping at the next safe point; a second signal stops at once\n",
                        in_a_job[] =
                            "\nstopping together at the next safe point; a second signal after 3 s stops at once\n";
  [[maybe_unused]] const auto written = repeat_window > 0 ? ::write(STDERR_FILENO, in_a_job, sizeof in_a_job - 1)
                                                          : ::write(STDERR_FILENO, answer, sizeof answer - 1);
}

void end_at_once(int /*number*/) {
  remove_guarded_parts();
  static constexpr char answer[] = "\nmonge: warning: stopped; there is no result, and nothing was written\n";
  if (!quiet) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, answer, sizeof answer - 1);
  }
  ::_exit(kStopped);
}

/// Installs the handler, unless the program was started with the signal ignored, as by nohup or for a shell's
/// background jobs.
void handle(int number, void (*handler)(int)) {
  struct sigaction inherited {};
  sigaction(number, nullptr, &inherited);
  if (inherited.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(number, &action, nullptr);
}

}  // namespace

void add_output_flags(CLI::App& command, Common& common) {
  command.add_flag("-q,--quiet", common.quiet, "Print only warnings and errors");
  command.add_flag("--json", common.json, "Print one JSON object per result on stdout, and nothing else");
}

void add_common(CLI::App& command, Common& common) {
  add_output_flags(command, common);
  command.add_option("--device", common.device, "Device to compute on")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  command.add_option("--threads", common.threads, "CPU threads; 0: all cores")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
}

session::Compute compute_for(const Common& common, dist::ProcessGroup& group) {
  return {.device = common.device, .threads = common.threads, .group = group};
}

session::Hooks hooks_for(const Common& common, const dist::ProcessGroup& group) {
  struct State {
    std::mutex guard;  // messages may come from loader threads
    std::unique_ptr<Progress> line;
    std::string step;
    int64_t total = 0;
  };
  const auto state = std::make_shared<State>();
  session::Hooks hooks{.stop = &stop_flag()};
  hooks.log = [state, sink = log_sink(common, group)](LogLevel level, const std::string& message) {
    const std::lock_guard lock(state->guard);
    if (state->line) state->line->finish();  // a message starts on a line of its own; a later update reopens the line
    sink(level, message);
  };
  hooks.progress = [state, style = progress_style(common)](const std::string& step, int64_t done, int64_t total) {
    const std::lock_guard lock(state->guard);
    if (!state->line || state->step != step || state->total != total || done == 0) {
      state->line = std::make_unique<Progress>(std::cerr, style, step, total);
      state->step = step;
      state->total = total;
    }
    state->line->update(done);
    if (done >= total) state->line.reset();
  };
  return hooks;
}

LogSink log_sink(const Common& common, const dist::ProcessGroup& group) {
  if (!group.is_root()) return silent();
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
  return hooks_for(common).progress_of(label);
}

void print_json(const nlohmann::ordered_json& object) { std::cout << session::json_text(object) << std::endl; }

const std::atomic<bool>& stop_flag() { return stop; }

void watch_signals(const dist::ProcessGroup& group) {
  const bool in_job = group.launched();
  quiet = in_job && !group.is_root();
  repeat_window = in_job ? 3 : 0;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) handle(number, on_signal);
  if (in_job) handle(SIGUSR1, on_signal);
}

void end_on_signals(const dist::ProcessGroup& group) {
  const bool in_job = group.launched();
  quiet = in_job && !group.is_root();
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) handle(number, end_at_once);
  if (in_job) handle(SIGUSR1, end_at_once);
}

}  // namespace monge::cli
