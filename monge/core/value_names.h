// The names of an enum's values: options, recipes and paths write the name, code uses the value.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge {

/// A small table of names and values, both unique. The choices of an option and the check of its value are made from
/// one table.
template <class Value>
class ValueNames {
 public:
  ValueNames(std::initializer_list<std::pair<std::string, Value>> entries) : entries_(entries) {}

  /// The value of this name; nothing if the table has no such name.
  std::optional<Value> find(std::string_view name) const {
    for (const auto& [key, value] : entries_) {
      if (key == name) return value;
    }
    return {};
  }

  /// The value of this name.
  /// @param where  the option, for the message.
  /// @throws InputError: "on_error: got "x" (allowed: fail, skip)".
  Value at(const std::string& name, const std::string& where) const {
    const auto found = find(name);
    require(found.has_value(), where, ": got \"", name, "\" (allowed: ", join(names()), ')');
    return *found;
  }

  /// The name of a value of the table.
  const std::string& name(Value value) const {
    for (const auto& [key, each] : entries_) {
      if (each == value) return key;
    }
    throw InputError("a value without a name");  // a table lacks a value of its enum
  }

  /// The names in the order of the table.
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : entries_) out.push_back(entry.first);
    return out;
  }

 private:
  std::vector<std::pair<std::string, Value>> entries_;
};

}  // namespace monge
