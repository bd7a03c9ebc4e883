// Helpers for jobs that run on several ranks, each of which opens the same data.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/log.h"
#include "monge/dist/process_group.h"

namespace monge::session {

/// The hooks of a rank, with a silent log on all ranks but the root.
template <class AnyHooks>
AnyHooks with_log_on_root(AnyHooks hooks, const dist::ProcessGroup& group) {
  if (!group.is_root()) hooks.log = silent();
  return hooks;
}

/// Calls `work` on the root before the other ranks call it, so that an error that all ranks would meet is reported once
/// and not as the failure of one rank. When it throws on the root, the others wait until the root reports its failure
/// to the job. With one rank this only calls `work`.
template <class Work>
auto root_first(dist::ProcessGroup& group, const Work& work) {
  if (!group.is_root()) group.barrier();
  const auto release_others = [&] {
    if (group.is_root()) group.barrier();
  };
  if constexpr (std::is_void_v<decltype(work())>) {
    work();
    release_others();
  } else {
    auto out = work();
    release_others();
    return out;
  }
}

/// A summary of a set by which the ranks compare what each has opened: the number of items, and a hash of their names
/// (of up to a million, evenly spread).
template <class Set>
std::string content_summary(const Set& set) {
  constexpr int64_t kMostNames = 1'000'000;
  std::string names;
  for (int64_t i = 0; i < set.size(); i += std::max<int64_t>(1, set.size() / kMostNames)) {
    names += set.item_name(i) + '\0';
  }
  return text(set.size(), " items, ", content_hash(names), " by their names");
}

}  // namespace monge::session
