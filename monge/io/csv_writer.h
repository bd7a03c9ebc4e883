// Formats tables of numbers as text, piece by piece (RFC 4180, with line feeds).
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/io/table.h"

namespace monge::io {

struct CsvFormat {
  char separator = ',';
  /// For each column the smallest difference that has a meaning; digits below it are left out. Empty: the shortest
  /// digits that read back as the same number.
  std::vector<double> steps = {};
};

/// The header line with its line feed: the heading of the row names, if there are row names, then the names of the
/// columns. Empty if no column has a name.
std::string csv_header(const TableNames& names, char separator = ',');

/// The text of rows of numbers, one line each.
/// @param rows_ND    any real type.
/// @param row_names  one per row, written before its numbers; or empty.
/// @throws InputError for another shape, a complex type, or a wrong number of names or steps.
std::string csv_rows(const torch::Tensor& rows_ND, const CsvFormat& format = {},
                     const std::vector<std::string>& row_names = {});

}  // namespace monge::io
