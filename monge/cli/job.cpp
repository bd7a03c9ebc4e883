#include "monge/cli/job.h"

#include <torch/cuda.h>

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/dist/job.h"
#include "monge/dist/spawn.h"

namespace monge::cli {
namespace {

std::unique_ptr<dist::Job> job;
std::vector<std::string> arguments;
std::mutex guard;
std::function<std::string()> resume_hint;

void report_failure(const std::string& message) {
  std::cerr << "monge: " << printable(message) << std::endl;
  const std::lock_guard lock(guard);
  std::string hint;
  try {
    if (resume_hint) hint = resume_hint();
  } catch (const std::exception&) {
    // The file system may have failed; the printed message matters more than the hint.
  }
  if (!hint.empty()) std::cerr << printable(hint) << std::endl;
}

/// The command line without the flags that may differ between ranks.
std::string common_words() {
  static const std::set<std::string> flags{"-q", "--quiet", "--json"}, valued{"--device", "--threads"};
  std::string out;
  bool only_names = false;  // after "--"
  for (size_t i = 1; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    only_names = only_names || word == "--";
    const auto key = word.substr(0, word.find('='));
    if (!only_names && flags.count(word) > 0) continue;
    if (!only_names && valued.count(key) > 0) {
      if (key == word) ++i;  // its value
      continue;
    }
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

/// Ends the process without destructors, in which other threads might wait for ever.
[[noreturn]] void leave_at_once(int code) {
  std::cout.flush();
  std::cerr.flush();
  std::_Exit(code);
}

}  // namespace

void keep_arguments(int count, char** words) { arguments.assign(words, words + count); }

void add_ranks(CLI::App& command, LocalRanks& ranks) {
  auto* gpus =
      command
          .add_option("--gpus", ranks.gpus, "Number of GPUs of this machine to use, one rank each (docs/cluster.md)")
          ->check(CLI::Range(1, 1024));
  command
      .add_option(
          "--ranks", ranks.ranks,
          "Number of processes on this machine, which share its cores; implies --device cpu unless --device is given")
      ->check(CLI::Range(1, 1024))
      ->excludes(gpus);
}

std::optional<int> start_ranks(const LocalRanks& ranks) {
  const int64_t count = std::max(ranks.gpus, ranks.ranks);
  if (count == 0) return {};
  const std::string by = ranks.gpus > 0 ? "--gpus" : "--ranks";
  std::string device = ranks.gpus > 0 ? "cuda" : "cpu";
  const auto launch = dist::detect_launch();
  const int64_t outer = launch.kind == dist::Launch::Kind::mpi ? dist::ranks_of_mpi().value_or(1) : launch.size;
  if (outer > 1) {
    throw InputError({.what = text("this process was started as one of ", outer, " ranks by ", launch.launcher,
                                   " and cannot start ranks itself"),
                      .where = by,
                      .value = std::to_string(count),
                      .fix = "leave it out; the launcher sets the number of ranks"});
  }
  if (const auto seen = static_cast<int64_t>(torch::cuda::device_count()); ranks.gpus > seen) {
    throw InputError({.what = seen == 0 ? "no CUDA device can be used"
                                        : text("this machine has ", seen, seen == 1 ? " GPU" : " GPUs"),
                      .where = by,
                      .value = std::to_string(count),
                      .fix = seen == 0 ? text("use --ranks ", count,
                                              " to use the CPU; monge info prints the devices that this build can use")
                                       : text("use --gpus ", seen)});
  }
  std::vector<std::string> words;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    if (word == "--") {  // only names follow
      words.insert(words.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
      break;
    }
    const bool names_device = word == "--device" || word.starts_with("--device=");
    if (names_device && ranks.gpus == 0) device.clear();  // the user named one
    if (word == by || (word == "--device" && ranks.gpus > 0)) {
      ++i;  // its value
    } else if (!word.starts_with(by + "=") && !(names_device && ranks.gpus > 0)) {
      words.push_back(word);
    }
  }
  if (!device.empty()) words.insert(words.begin() + 2, {"--device", device});  // after the program and its command
  return dist::spawn_ranks(count, words, by,
                           [](const std::string& line) { std::cerr << "monge: " << line << std::endl; });
}

dist::ProcessGroup& join_job(Common& common) {
  const auto launch = dist::detect_launch();
  if (launch.kind == dist::Launch::Kind::alone) return dist::ProcessGroup::single();
  dist::JobOptions options;
  options.failure.stall_timeout = dist::Seconds(3600);
  options.log = [log = log_sink(common)](const std::string& line) { log(LogLevel::info, line); };
  job = std::make_unique<dist::Job>(
      launch, options,
      dist::FailureCallbacks{.report = [](const dist::JobFailure& failure) { report_failure(failure.message); },
                             .end_process = [](const dist::JobFailure& failure) { leave_at_once(failure.code); }});
  auto& group = job->group();
  if (!group.is_root()) {
    common.quiet = true;
    common.json = false;
  }
  log_sink(common)(LogLevel::info,
                   text("a job of ", group.size(), group.size() == 1 ? " rank" : " ranks", ", started by ",
                        launch.launcher, group.size() > 1 ? ", over " + group.transport_name() : ""));
  // With different commands the ranks would wait for each other in vain, or mix two results.
  group.require_same("the command line", common_words());
  return group;
}

void set_job_timeout(double seconds) {
  if (job) job->set_stall_timeout(dist::Seconds(seconds));
}

void set_resume_hint(std::function<std::string()> hint) {
  const std::lock_guard lock(guard);
  resume_hint = std::move(hint);
}

void finish_job() {
  if (!job) return;
  job->finish();
  job.reset();
}

int end_with(const std::string& message, int code, bool same_on_all) {
  if (!job) {
    std::cerr << "monge: " << printable(message) << std::endl;
    return code;
  }
  const auto failure = job->fail(message, code, same_on_all);
  if (!failure.reported) report_failure(failure.message);
  leave_at_once(failure.code);
}

bool is_idle_rank(const std::string& command) {
  const auto environment = dist::real_environment();
  for (const auto& [rank, size] : {std::pair{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                   {"RANK", "WORLD_SIZE"},
                                   {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}}) {
    const auto own = environment(rank), all = environment(size);
    if (!own || !all || *all == "1") continue;
    if (*own == "0") return false;
    std::cerr << "monge: warning: monge " << command << " runs only on rank 0; the process with " << rank << " = "
              << *own << " does nothing" << std::endl;
    return true;
  }
  return false;
}

}  // namespace monge::cli
