// Parses sources named by a line of text: "KIND:NAME?key=value&key=value".
#pragma once

#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/value_names.h"

namespace monge::data {

/// The side of a pair of laws: "side=source" or "side=target".
enum class Side { source, target };
const ValueNames<Side>& side_names();

/// One of several parts of a set: "part=k/n". An item belongs to the part in which the hash of its name falls, so the
/// parts are disjoint, of about the same size, and alike; more items do not move others to another part.
struct SetPart {
  int64_t index = 1, count = 1;  ///< 1 <= index <= count

  bool is_whole() const { return count == 1; }
  /// Whether an item of this name belongs to the part.
  bool holds(std::string_view name) const;
};

/// A parsed line. Read the parameters with the getters, then call refuse_unknown(): a parameter that no getter has read
/// is an error.
class Spec {
 public:
  /// @throws InputError showing the line: no KIND, a parameter without '=', or given twice.
  explicit Spec(const std::string& line);

  /// The parameters of "FILE?key=value&key=value", whose '?' is at `question`; the name is the part before it. A '&'
  /// within double quotes belongs to its value.
  Spec(const std::string& line, size_t question);

  /// Whether the line begins with "KIND:".
  static bool is(std::string_view kind, std::string_view line);

  const std::string& line() const { return line_; }
  const std::string& kind() const { return kind_; }
  const std::string& name() const { return name_; }  ///< between ':' and '?'

  /// Each returns the parameter or `otherwise`. @throws InputError naming line, key, value and what is allowed.
  double number(const std::string& key, double otherwise, double least = std::numeric_limits<double>::lowest(),
                double most = std::numeric_limits<double>::max());
  int64_t integer(const std::string& key, int64_t otherwise, int64_t least, int64_t most);
  int64_t even(const std::string& key, int64_t otherwise, int64_t least, int64_t most);
  std::string word(const std::string& key, const std::string& otherwise, const std::vector<std::string>& choices = {});
  /// "k/n" with 1 <= k <= n.
  SetPart part(const std::string& key);
  /// The value that a word stands for; the parameter must be one of the table's names.
  template <class Value>
  Value choice(const std::string& key, Value otherwise, const ValueNames<Value>& names) {
    return *names.find(word(key, names.name(otherwise), names.names()));
  }
  bool has(const std::string& key) const { return parameters_.count(key) > 0; }

  /// @throws InputError naming a parameter that no getter has read, with the nearest known one.
  void refuse_unknown() const;

 private:
  void read_parameters(size_t at);
  const std::string* find(const std::string& key);
  [[noreturn]] void refuse(const std::string& key, const std::string& allowed) const;

  std::string line_, kind_, name_;
  std::map<std::string, std::string> parameters_;
  std::vector<std::string> known_;
};

}  // namespace monge::data
