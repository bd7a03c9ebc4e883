// What the commands share: the flags that are the same everywhere, where they print, and how they stop.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <iosfwd>
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

/// For numbers from 0 on.
inline CLI::Range from_zero() { return {int64_t{0}, std::numeric_limits<int64_t>::max()}; }

/// A command's work; returns an exit code. Errors are thrown and turned into messages in main.cpp.
using Action = std::function<int()>;

/// Adds --quiet and --json.
void add_output_flags(CLI::App& command, Common& common);

/// Adds these, --device and --threads.
void add_common(CLI::App& command, Common& common);

/// Where a command computes, from the flags.
session::Compute compute_for(const Common& common, dist::ProcessGroup& group = dist::ProcessGroup::single());

/// Messages and progress lines on stderr, those of the root alone; the flag that signals set.
session::Hooks hooks_for(const Common& common, const dist::ProcessGroup& group = dist::ProcessGroup::single());

/// Messages to stderr unless quiet; warnings always. Of several ranks the root speaks alone.
LogSink log_sink(const Common& common, const dist::ProcessGroup& group = dist::ProcessGroup::single());

/// Redrawn on a terminal, plain lines elsewhere, none when quiet.
Progress::Style progress_style(const Common& common);

/// A progress callback (done, total) that makes its line on the first call.
std::function<void(int64_t, int64_t)> progress_callback(const Common& common, const std::string& label);

/// One line on stdout.
void print_json(const nlohmann::ordered_json& object);

/// Set by SIGINT, SIGTERM and SIGHUP after watch_signals(), unless the program was started with them ignored (nohup); a
/// second signal ends the process at once.
/// In a launched job SIGUSR1 counts, too (mpirun passes it on to all ranks, where SIGTERM makes it end them in a
/// second), and repeats within 3 s are the same signal that came by another way (to the process, and by its launcher).
const std::atomic<bool>& stop_flag();
void watch_signals(const dist::ProcessGroup& group = dist::ProcessGroup::single());

/// For a command that keeps nothing: these signals end it at once, with a word and the code kStopped. Not in a launched
/// job, whose other ranks have to be told.
void end_on_signals(const dist::ProcessGroup& group = dist::ProcessGroup::single());

/// Commands, one file each: add themselves to the program and set `action` when chosen.
void add_train(CLI::App& program, Action& action);
void add_resume(CLI::App& program, Action& action);
void add_translate(CLI::App& program, Action& action);
void add_eval(CLI::App& program, Action& action);
void add_truth(CLI::App& program, Action& action);
void add_export(CLI::App& program, Action& action);
void add_bench(CLI::App& program, Action& action);
void add_fid(CLI::App& program, Action& action);  ///< and kid, stats
void add_lpips(CLI::App& program, Action& action);
void add_info(CLI::App& program, Action& action);
void add_options(CLI::App& program, Action& action);
void add_weights(CLI::App& program, Action& action);
void add_data(CLI::App& program, Action& action);

/// Commands of the group `data`, which add_data makes.
void add_data_fetch(CLI::App& group, Action& action);
void add_data_check(CLI::App& group, Action& action);
void add_data_pack(CLI::App& group, Action& action);

}  // namespace monge::cli
