// The entries of an archive by name, and the hard links to entries that were not taken.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "monge/io/archive_reader.h"

namespace monge::io {

/// Entries in the order of the archive, one for each plain_name.
/// @tparam Entry  has a member `name`.
template <class Entry>
class EntryList {
 public:
  /// The entry of this name, or null. Valid until the next add.
  const Entry* find(const std::string& name) const {
    const auto place = locations_.find(plain_name(name));
    return place == locations_.end() ? nullptr : &entries_[place->second];
  }

  /// @pre  find(entry.name) is null.
  void add(Entry entry) {
    locations_.emplace(plain_name(entry.name), entries_.size());
    entries_.push_back(std::move(entry));
  }

  std::vector<Entry> take() { return std::move(entries_); }

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t> locations_;
};

/// A hard link whose target is not among the entries that were taken.
struct UnresolvedLink {
  std::string name, target;
};

/// Finds the targets of hard links by a second pass over the archive, because these entries are not wanted under their
/// own names.
/// @param read    read(wanted) returns an EntryList of the entries whose names `wanted` accepts.
/// @param add     called as add(link, entry) for each link whose target was found, in the order of the links.
/// @param report  counts the links without a target.
template <class Read, class Add>
void resolve_links(const std::vector<UnresolvedLink>& links, const Read& read, const Add& add, ArchiveReport& report) {
  if (links.empty()) return;
  std::unordered_set<std::string> targets;
  for (const auto& link : links) targets.insert(plain_name(link.target));
  const auto entries = read([&](const std::string& name) { return targets.contains(plain_name(name)); });
  for (const auto& link : links) {
    if (const auto* entry = entries.find(link.target)) {
      add(link, *entry);
    } else {
      count(report.links, link.name);
    }
  }
}

}  // namespace monge::io
