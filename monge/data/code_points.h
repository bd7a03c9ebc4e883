// Sets of characters as the user writes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace monge::data {

/// A set of Unicode characters: ranges of code points in hexadecimal ("4E00-9FFF,3042") and single characters in UTF-8.
class CodePoints {
 public:
  /// @param ranges, characters  the set is both together; if both are empty, it is all characters.
  /// @param where               the line that holds them, for messages.
  /// @throws InputError for what is no range, an end before its beginning, code points above 10FFFF, text that is not
  ///     UTF-8.
  CodePoints(const std::string& ranges, const std::string& characters, const std::string& where);

  bool is_all() const { return ranges_.empty(); }
  bool contains(uint32_t code) const;

  /// The single characters, in order, each once.
  const std::vector<uint32_t>& characters() const { return characters_; }

 private:
  struct Range {
    uint32_t first, last;
  };
  std::vector<Range> ranges_;
  std::vector<uint32_t> characters_;
};

/// "U+4E00".
std::string code_point_name(uint32_t code);

}  // namespace monge::data
