// Tables of numbers as text, piece by piece (RFC 4180, with line feeds).
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/io/table.h"

namespace monge::io {

struct CsvFormat {
  char separator = ',';
  /// Of each column the smallest difference that means something: digits below it are left out. Empty: the shortest
  /// digits that read back as the same number.
  std::vector<double> steps = {};
};

/// The line of headings with its line feed: that of the row names where there are row names, then the names of the
/// columns. Empty where no column has a name.
std::string csv_header(const TableNames& names, char separator = ',');

/// Rows of numbers, a line each.
/// @param rows_ND    of any real type.
/// @param row_names  one a row, put before its numbers; or empty.
/// @throws InputError on another shape, a complex type, or other numbers of names or steps.
std::string csv_rows(const torch::Tensor& rows_ND, const CsvFormat& format = {},
                     const std::vector<std::string>& row_names = {});

}  // namespace monge::io
