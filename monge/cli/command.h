// The parts that all commands share: common flags, printing, progress, and signals.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "monge/core/log.h"
#include "monge/core/progress.h"
#include "monge/dist/process_group.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::cli {

/// Exit codes; part of the interface.
enum Exit { kDone = 0, kFailure = 1, kUsage = 2, kStopped = 3, kDiverged = 4 };

/// Flags that every command has.
struct Common {
  bool quiet = false;
  bool json = false;
  std::string device = "auto";
  int64_t threads = 0;
};

/// The check of a flag for numbers of 0 or more.
inline CLI::Range from_zero() { return {int64_t{0}, std::numeric_limits<int64_t>::max()}; }

/// The work of a command; returns an exit code. It throws errors, which main.cpp turns into messages.
using Action = std::function<int()>;

/// Adds --quiet and --json.
void add_output_flags(CLI::App& command, Common& common);

/// Adds --quiet, --json, --device and --threads.
void add_common(CLI::App& command, Common& common);

/// The device, threads and ranks of a command, from the flags.
session::Compute compute_for(const Common& common, dist::ProcessGroup& group = dist::ProcessGroup::single());

/// Hooks that show messages and progress lines on stderr, on the root alone, and stop when a signal sets stop_flag().
session::Hooks hooks_for(const Common& common, const dist::ProcessGroup& group = dist::ProcessGroup::single());

/// A sink for messages on stderr: warnings always, others unless quiet. Only the root of several ranks prints.
LogSink log_sink(const Common& common, const dist::ProcessGroup& group = dist::ProcessGroup::single());

/// The style of progress lines: redrawn on a terminal, plain lines elsewhere, none if quiet.
Progress::Style progress_style(const Common& common);

/// A progress callback (done, total) that creates its line on the first call.
std::function<void(int64_t, int64_t)> progress_callback(const Common& common, const std::string& label);

/// Prints the object as one line on stdout.
void print_json(const nlohmann::ordered_json& object);

/// The flag that SIGINT, SIGTERM and SIGHUP set after watch_signals(), unless the program was started with them ignored
/// (nohup). A second signal ends the process at once.
///
/// In a launched job SIGUSR1 counts too, because mpirun passes it on to all ranks, whereas after SIGTERM it ends them
/// within a second. Repeats within 3 s count as the same signal, because its launcher may pass it on
/// as well.
const std::atomic<bool>& stop_flag();
void watch_signals(const dist::ProcessGroup& group = dist::ProcessGroup::single());

/// For a command without a safe point to stop at: these signals end it at once, with a message and the code kStopped,
/// and remove the temporary files of what it writes. In a launched job SIGUSR1 as well. A launcher sends them to all
/// ranks; where one alone gets it, the others end because it is lost.
void end_on_signals(const dist::ProcessGroup& group = dist::ProcessGroup::single());

/// The commands, one file each. Each adds itself to the program; the chosen one sets `action`.
void add_train(CLI::App& program, Action& action);
void add_resume(CLI::App& program, Action& action);
void add_translate(CLI::App& program, Action& action);
void add_recolour(CLI::App& program, Action& action);
void add_eval(CLI::App& program, Action& action);
void add_truth(CLI::App& program, Action& action);
void add_score(CLI::App& program, Action& action);
void add_export(CLI::App& program, Action& action);
void add_bench(CLI::App& program, Action& action);
void add_fid(CLI::App& program, Action& action);  ///< and kid, stats
void add_lpips(CLI::App& program, Action& action);
void add_report(CLI::App& program, Action& action);
void add_runs(CLI::App& program, Action& action);
void add_watch(CLI::App& program, Action& action);
void add_info(CLI::App& program, Action& action);
void add_options(CLI::App& program, Action& action);
void add_weights(CLI::App& program, Action& action);
void add_models(CLI::App& program, Action& action);
void add_serve(CLI::App& program, Action& action);
void add_data(CLI::App& program, Action& action);

/// The commands of the group `data`, which add_data makes.
void add_data_fetch(CLI::App& group, Action& action);
void add_data_check(CLI::App& group, Action& action);
void add_data_pack(CLI::App& group, Action& action);

}  // namespace monge::cli
