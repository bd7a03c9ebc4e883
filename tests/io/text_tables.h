// Text tables in the tests of their parser.
#pragma once

#include <string>

#include "monge/io/text_table.h"
#include "tests/support/support.h"

namespace monge::io {

inline Table read_text(const std::string& text, const TextTableOptions& options = {}) {
  return parse_text_table(text, "x.csv", options);
}

/// The message of the error that reading the text throws.
inline std::string complaint_about(const std::string& text, const TextTableOptions& options = {}) {
  return monge::testing::message_of([&] { read_text(text, options); });
}

}  // namespace monge::io
