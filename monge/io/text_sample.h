// The first rows of a table of text, from which its layout is detected, and the separator of their fields.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "monge/io/text_rows.h"

namespace monge::io {

/// The first rows, with the storage of their fields.
struct TextSample {
  std::vector<std::vector<TextField>> rows;
  int64_t first_line = 0;             ///< the line that the first row begins with
  std::vector<TextComment> comments;  ///< the lines with # before the first row
  size_t bytes = 0;                   ///< size of the text up to the end of the rows
  std::deque<std::string> unescaped;
};

/// The first 101 rows, fewer of very long ones. @param skip_line  skips the first line of the text.
TextSample first_rows(std::string_view text, char separator, bool skip_line, const std::string& name);

/// The separator by the rules of find_layout. @param wanted  a word of TextTableOptions::separator.
char find_separator(std::string_view text, const std::string& wanted, const std::string& name);

}  // namespace monge::io
