// Maps from names to components: methods, networks, schedules, toys. Registries are the only globals of the library.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge {

/// Maps names to entries (factories, functions, descriptions of components).
///
/// The library fills each registry where it is defined. A program may add entries before the first use; after that the
/// registry is read-only, and threads may share it. Entries never move, so references to them remain valid.
template <class Entry>
class Registry {
 public:
  /// @param kind  the kind of the entries, as error messages name it ("method").
  Registry(std::string kind, std::vector<std::pair<std::string, Entry>> entries) : kind_(std::move(kind)) {
    for (auto& [name, entry] : entries) add(name, std::move(entry));
  }

  /// Adds an entry after the others. @throws InputError when the name is taken or empty.
  void add(const std::string& name, Entry entry) {
    require(!name.empty(), "a ", kind_, " needs a name");
    require(entries_.emplace(name, std::move(entry)).second, "the ", kind_, " \"", name, "\" is already registered");
    ordered_.push_back(name);
  }

  /// The entry of this name. @throws InputError that lists the known names and suggests the nearest one.
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

  /// The names in alphabetical order.
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : entries_) out.push_back(entry.first);
    return out;
  }

  /// The names in the order in which they were added.
  const std::vector<std::string>& ordered() const { return ordered_; }

 private:
  std::string kind_;
  std::map<std::string, Entry> entries_;
  std::vector<std::string> ordered_;
};

}  // namespace monge
