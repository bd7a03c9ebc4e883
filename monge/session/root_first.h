// Helpers for jobs in which every rank opens the same data.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/dist/process_group.h"

namespace monge::session {

/// The root does `work` before the other ranks do it, so that a fault that all ranks would meet is reported once and not
/// as the fault of one rank. With one rank this only calls `work`.
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

/// What ranks compare of a set that each has opened by itself: the number of items, and a hash of their names (of up to a
/// million, evenly spread).
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
