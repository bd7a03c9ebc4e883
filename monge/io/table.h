// A table of numbers with the names of its columns and rows, independent of the file format.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace monge::io {

/// The names in a table. They are UTF-8 and not necessarily unique.
struct TableNames {
  std::vector<std::string> columns;  ///< one per column, or empty if the file names none
  std::vector<std::string> rows;     ///< one per row, or empty if the file names none
  std::string index;                 ///< the heading of the row names; often empty

  bool operator==(const TableNames&) const = default;
};

struct Table {
  torch::Tensor values;  ///< [N, D], contiguous, on the CPU, in the type of the file; float64 for text
  TableNames names;
  /// The interpretation of a text in one line ("comma, header in line 1, index \"cell\""); empty for other formats.
  std::string reading;
  /// Sentences for the user about parts of a text that may have been misread.
  std::vector<std::string> warnings = {};
};

}  // namespace monge::io
