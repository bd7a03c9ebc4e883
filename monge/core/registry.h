// From a name to what makes it: methods, networks, schedules, toys. The only globals of the library.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge {

/// Maps names to entries (factories, functions, rows of what is known about a component).
///
/// The library fills its registries where they are defined. A program may add to them before it uses them; from then on
/// they are read-only and safe to share between threads. Entries never move, so references to them stay valid.
template <class Entry>
class Registry {
 public:
  /// @param kind  what the names stand for, as it should read in an error ("method").
  Registry(std::string kind, std::vector<std::pair<std::string, Entry>> entries) : kind_(std::move(kind)) {
    for (auto& [name, entry] : entries) add(name, std::move(entry));
  }

  /// Adds an entry behind the others. @throws InputError when the name is taken or empty.
  void add(const std::string& name, Entry entry) {
    require(!name.empty(), "a ", kind_, " needs a name");
    require(entries_.emplace(name, std::move(entry)).second, "there is a ", kind_, " \"", name, "\" already");
    ordered_.push_back(name);
  }

  /// @throws InputError that lists the known names and suggests the nearest.
  const Entry& at(const std::string& name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      throw InputError({.what = "unknown " + kind_,
                        .value = '"' + name + '"',
                        .allowed = join(names()),
                        .fix = suggestion(name, names())});
    }
    return found->second;
  }

  bool contains(const std::string& name) const { return entries_.count(name) > 0; }

  /// Sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : entries_) out.push_back(entry.first);
    return out;
  }

  /// In the order in which they were added.
  const std::vector<std::string>& ordered() const { return ordered_; }

 private:
  std::string kind_;
  std::map<std::string, Entry> entries_;
  std::vector<std::string> ordered_;
};

}  // namespace monge
