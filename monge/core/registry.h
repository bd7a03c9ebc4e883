// From a name to what makes it: methods, networks, toys. The only globals of the library.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge {

/// Maps names to factories. Filled once, where it is defined; read-only and safe to share afterwards.
template <class Factory>
class Registry {
 public:
  /// @param kind  what the names stand for, as it should read in an error ("method").
  Registry(std::string kind, std::map<std::string, Factory> entries)
      : kind_(std::move(kind)), entries_(std::move(entries)) {}

  /// @throws Error that lists the known names and suggests the nearest.
  const Factory& at(const std::string& name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      throw Error(Complaint{.what = "unknown " + kind_,
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

 private:
  std::string kind_;
  std::map<std::string, Factory> entries_;
};

}  // namespace monge
