// The job that this process is a rank of, for the commands that run on several ranks.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "monge/cli/command.h"
#include "monge/dist/process_group.h"

namespace monge::cli {

/// Ranks to start on this machine, --gpus and --ranks.
struct RanksHere {
  int64_t gpus = 0, ranks = 0;
};
void add_ranks(CLI::App& command, RanksHere& here);

/// Where --gpus or --ranks asks for them: starts the ranks and waits for them. @return their exit code; nothing
/// otherwise.
/// @throws InputError in a process that is a rank already.
std::optional<int> start_ranks(const RanksHere& here);

/// Joins the job that a launcher started this process for. On ranks other than the root `common` becomes quiet, because
/// the root alone prints.
/// @return the group of the job, which lives until finish_job; ProcessGroup::single() without a launcher.
dist::ProcessGroup& join_job(Common& common);

/// Sets the time after which a rank that stays behind counts as hanging. Until then it is an hour, in which the root
/// may open large sets while the others wait.
void set_job_timeout(double seconds);

/// Sets what tells the user how to resume; it is called when the job fails, and printed after the message.
void set_resume_hint(std::function<std::string()> hint);

/// All ranks call this when their command has done its work. The group is gone afterwards.
void finish_job();

/// The end of a command that failed: prints the message, once in a job, and gives the exit code for main. In a job it
/// ends the process here.
/// @param same_on_all  whether all ranks fail with this message, so that it need not name a rank.
int end_with(const std::string& message, int code, bool same_on_all = false);

/// For commands that run on one rank: whether this process is another rank of a job, which has nothing to do then.
bool is_idle_rank(const std::string& command);

/// The words that the program was started with.
void keep_arguments(int count, char** words);

}  // namespace monge::cli
