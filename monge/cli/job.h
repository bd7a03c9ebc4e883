// The job that this process is a rank of, for the commands that run on several ranks.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "monge/cli/command.h"
#include "monge/dist/process_group.h"

namespace monge::cli {

/// The ranks to start on this machine: --gpus and --ranks. 0: not given.
struct LocalRanks {
  int64_t gpus = 0, ranks = 0;
};
void add_ranks(CLI::App& command, LocalRanks& ranks);

/// If --gpus or --ranks is given, starts the ranks and waits for them.
/// @return their exit code; nothing without these flags.
/// @throws InputError in a process that already is a rank, and for more GPUs than the machine has.
std::optional<int> start_ranks(const LocalRanks& ranks);

/// Joins the job for which a launcher started this process. On all ranks but the root `common` becomes quiet, because
/// only the root prints.
/// @return the group of the job, which lives until finish_job; ProcessGroup::single() without a launcher.
dist::ProcessGroup& join_job(Common& common);

/// Sets the time after which a rank that makes no progress counts as hanging. Before this call it is an hour, because
/// the root may open large sets while the others wait.
void set_job_timeout(double seconds);

/// Sets the function that returns the hint how to resume. It is called if the job fails; the hint follows the message.
void set_resume_hint(std::function<std::string()> hint);

/// Leaves the job and destroys its group. All ranks call this at the end of their command.
void finish_job();

/// Ends a command that failed: prints the message, in a job only once, and returns the exit code for main. In a job it
/// does not return but ends the process.
/// @param same_on_all  whether all ranks fail with this message, so that it need not name a rank.
int end_with(const std::string& message, int code, bool same_on_all = false);

/// For commands that run on one rank: whether this process is another rank, which then has nothing to do. It warns so.
bool is_idle_rank(const std::string& command);

/// Keeps the command line of the program, from which start_ranks makes those of the ranks.
void keep_arguments(int count, char** words);

}  // namespace monge::cli
