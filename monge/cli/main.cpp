// The program: finds the command, and turns exceptions into a message and an exit code.
#include <c10/util/Exception.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <set>

#include "monge/cli/command.h"
#include "monge/cli/job.h"
#include "monge/cli/user_words.h"
#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/core/version.h"

namespace {

constexpr const char* kOutOfMemory =
    "out of memory; use smaller nets (map.width, potential.width), a smaller train.batch, or train.accumulate = 2 or "
    "more; for metrics a smaller --batch";

struct FailureReport {
  std::string message;
  int code;
  bool same_on_all = false;  ///< in a job: all ranks fail with this message
};

/// The message and the exit code of an exception.
FailureReport failure_report(const std::exception_ptr& thrown) {
  using namespace monge;
  try {
    std::rethrow_exception(thrown);
  } catch (const DivergedError& error) {
    return {error.what(), cli::kDiverged, /*same_on_all=*/true};
  } catch (const SystemError& error) {
    return {error.what(), cli::kFailure};
  } catch (const dist::CommonError& error) {
    return {error.what(), cli::kUsage, /*same_on_all=*/true};
  } catch (const InputError& error) {
    return {error.what(), cli::kUsage};
  } catch (const std::bad_alloc&) {
    return {kOutOfMemory, cli::kFailure};
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    for (const char* phrase :
         {"out of memory", "not enough memory", "can't allocate memory"}) {  // wordings of CUDA and of CPUs
      if (what.find(phrase) != std::string::npos) return {kOutOfMemory, cli::kFailure};
    }
    return {"internal error: " + what, cli::kFailure};
  } catch (const std::filesystem::filesystem_error& error) {
    return {text(error.path1().string(), ": ", error.code().message()), cli::kFailure};
  } catch (const std::exception& error) {
    return {text("internal error: ", error.what()), cli::kFailure};
  }
}

/// Whether a command runs on all ranks of a job; the others run on the root alone.
bool runs_on_all_ranks(const std::string& command) {
  static const std::set<std::string> all{"train", "resume", "translate", "eval", "fid", "kid", "stats"};
  return all.count(command) > 0;
}

/// The message if the first argument is neither a command nor a flag, else "". CLI11 would not suggest the nearest.
std::string unknown_command(const CLI::App& program, int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  std::vector<std::string> known;
  for (const auto* command : program.get_subcommands(nullptr)) known.push_back(command->get_name());
  if (word.empty() || word[0] == '-' || std::count(known.begin(), known.end(), word) > 0) return {};
  return monge::InputError({.what = "unknown command",
                            .value = '"' + word + '"',
                            .allowed = monge::join(known),
                            .fix = monge::suggestion(word, known)})
      .what();
}

/// CLI11's message for a wrong command line, with the fix if a second KEY=VALUE follows one --set.
std::string usage_message(const CLI::App* program, const CLI::Error& error) {
  const auto message = CLI::FailureMessage::simple(program, error);
  if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ExtrasError)) return message;
  for (const auto* command : program->get_subcommands()) {
    const auto left = command->remaining();
    const auto is_setting = [](const std::string& word) {
      return word[0] != '-' && word.find('=') != std::string::npos;
    };
    const auto setting = std::find_if(left.begin(), left.end(), is_setting);
    if (setting != left.end() && command->get_option_no_throw("--set")) {
      return "each KEY=VALUE needs its own --set: --set " + *setting + "\n" + message;
    }
  }
  return message;
}

/// Raises the limit of open files: packed sets keep their shards open, and shells often set 1,024 although the system
/// allows far more.
void allow_many_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  constexpr rlim_t kEnough = 65536;
  limit.rlim_cur = std::min(limit.rlim_max, std::max(limit.rlim_cur, kEnough));
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Opens closed standard streams, so that no file or connection gets their numbers. They are opened for reading, so
/// that writing to them still fails and is noticed.
void keep_standard_streams() {
  int opened = 0;
  while (opened >= 0 && opened <= STDERR_FILENO) opened = ::open("/dev/null", O_RDONLY);
  if (opened > STDERR_FILENO) ::close(opened);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace monge;
  cli::install_user_words();
  keep_standard_streams();
  allow_many_open_files();
  CLI::App program(
      "Learns optimal transport maps and plans between two sets of samples with neural networks, and applies them.",
      "monge");
  program.set_version_flag("--version", "monge " + version());
  program.require_subcommand(1);
  program.footer(
      "Start with: monge train recipes/quick/moons.toml\nDocs: README.md, docs/recipes.md.\n"
      "Exit codes: 0 done, 1 failure, 2 wrong usage or input, 3 stopped by a signal with a checkpoint saved, "
      "4 training diverged.");
  cli::Action action;
  cli::add_data(program, action);
  cli::add_train(program, action);
  cli::add_resume(program, action);
  cli::add_watch(program, action);
  cli::add_runs(program, action);
  cli::add_report(program, action);
  cli::add_translate(program, action);
  cli::add_recolour(program, action);
  cli::add_eval(program, action);
  cli::add_truth(program, action);
  cli::add_score(program, action);
  cli::add_bench(program, action);
  cli::add_fid(program, action);
  cli::add_lpips(program, action);
  cli::add_export(program, action);
  cli::add_options(program, action);
  cli::add_models(program, action);
  cli::add_serve(program, action);
  cli::add_weights(program, action);
  cli::add_info(program, action);

  if (const auto complaint = unknown_command(program, argc, argv); !complaint.empty()) {
    std::cerr << "monge: " << complaint << std::endl;
    return cli::kUsage;
  }
  program.failure_message(usage_message);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? cli::kDone : cli::kUsage;
  }
  cli::keep_arguments(argc, argv);
  try {
    const auto* command = program.get_subcommands().at(0);
    if (!runs_on_all_ranks(command->get_name()) && cli::is_idle_rank(command->get_name())) return cli::kDone;
    const int code = action();
    std::cout.flush();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout) {
      return cli::end_with("the results could not be written to the standard output", cli::kFailure);
    }
    cli::finish_job();
    return code;
  } catch (...) {
    const auto [message, code, same_on_all] = failure_report(std::current_exception());
    return cli::end_with(message, code, same_on_all);
  }
}
