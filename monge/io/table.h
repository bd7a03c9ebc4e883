// A table of numbers with the names that its file gives to columns and rows, whatever the file's format.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace monge::io {

/// The names in a table. Any text in UTF-8, not necessarily unique.
struct TableNames {
  std::vector<std::string> columns;  ///< one per column, or empty where the file names none
  std::vector<std::string> rows;     ///< one per row, or empty where the file names none
  std::string index;                 ///< the heading of the row names; often empty

  bool operator==(const TableNames&) const = default;
};

struct Table {
  torch::Tensor values;  ///< [N, D], contiguous, on the CPU, in the type of the file; float64 for text
  TableNames names;
  std::string
      reading;  ///< how a text was understood, in one line ("comma, header in line 1, index \"cell\""); else empty
  std::vector<std::string> warnings =
      {};  ///< sentences on what may have been read otherwise than it was meant, for the user's eyes
};

}  // namespace monge::io
