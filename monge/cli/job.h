// The job that this process is a rank of, for the commands that run on several ranks.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/dist/process_group.h"

namespace monge::cli {

/// Ranks to start on this machine, --gpus and --ranks.
struct RanksHere {
  int64_t gpus = 0, ranks = 0;
};
void add_ranks(CLI::App& command, RanksHere& here);

/// Where --gpus or --ranks asks for them: starts the ranks and waits for them. @return their exit code; nothing
/// otherwise.
/// @throws Error in a process that is a rank already.
std::optional<int> start_ranks(const RanksHere& here);

/// Joins the job that this process was started for. On other ranks than 0 `common` becomes quiet: rank 0 speaks.
/// @return null where it was started alone.
std::shared_ptr<dist::ProcessGroup> join_job(Common& common);

/// Makes `seconds` the time after which a rank that stays behind counts as hanging; an hour until then, in which rank 0
/// may open large sets while the others wait.
void set_job_timeout(double seconds);

/// What the user is told to do when the job breaks off, found when it does.
void set_resume_hint(std::function<std::string()> words);

/// All ranks come here when their command has done its work.
void finish_job();

/// Rank 0 does `work` before the others do it, so that what is wrong everywhere is told once and not as one rank's
/// trouble.
template <class Work>
auto rank_0_first(dist::ProcessGroup* group, const Work& work) {
  if (group && !group->is_root()) group->barrier();
  const auto let_others = [&] {
    if (group && group->is_root()) group->barrier();
  };
  if constexpr (std::is_void_v<decltype(work())>) {
    work();
    let_others();
  } else {
    auto out = work();
    let_others();
    return out;
  }
}

/// What ranks compare of a set that each has opened by itself: how many items, and which by their names.
template <class Set>
std::string what_is_in(const Set& set) {
  constexpr int64_t kMost = 1'000'000;  // names; of more they are taken at equal distances
  std::string names;
  for (int64_t i = 0; i < set.size(); i += std::max<int64_t>(1, set.size() / kMost)) names += set.item_name(i) + '\0';
  return text(set.size(), " items, ", content_hash(names), " by their names");
}

/// The end of a command that failed: prints the message, once in a job, and gives the exit code for main. In a job the
/// process is ended here.
/// @param alike  all ranks fail so: the message is nobody's own.
int end_with(const std::string& message, int code, bool alike = false);

/// For commands that run on one rank: whether this process is another rank of a job, which has nothing to do then.
bool is_idle_rank(const std::string& command);

/// The words that the program was started with.
void keep_arguments(int count, char** words);

}  // namespace monge::cli
