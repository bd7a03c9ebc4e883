// The data frames of AnnData: names of rows, and columns of every kind. Internal to the files of io for AnnData.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/io/hdf5.h"

namespace monge::io {

/// What an element of AnnData is, by its encoding. Files of anndata before 0.8 name fewer of them; then the structure
/// decides.
enum class AnnDataKind {
  array,        ///< a data set of any type
  csr,          ///< a sparse matrix by rows
  csc,          ///< a sparse matrix by columns
  frame,        ///< a data frame
  categorical,  ///< codes and categories
  nullable,     ///< values and a mask
  dict,         ///< a group of elements
  other,        ///< an encoding that monge does not know (awkward-array)
};

AnnDataKind anndata_kind(const Hdf5Node& element);

/// One column, as the numbers of its distinct values.
struct FrameColumn {
  std::vector<int64_t> codes;        ///< one per row: a place in `values`; -1: missing
  std::vector<std::string> values;   ///< the distinct values as text, in the order of categories or of appearance
  std::vector<long double> numbers;  ///< the values as numbers; empty for a column of texts
  bool single = false;               ///< whether the numbers are float32
  bool boolean = false;              ///< whether they are truth values

  /// The place of the value that a user has written, or -1. Numbers match by value: "3" and "3.0" are 3.
  int64_t find(const std::string& word) const;
};

/// The names of the rows. @throws InputError if the frame has no index.
std::vector<std::string> frame_index(const Hdf5Node& frame);

/// The name of the member that holds the index.
std::string frame_index_name(const Hdf5Node& frame);

/// The columns in the order of the file, without the index.
std::vector<std::string> frame_columns(const Hdf5Node& frame);

/// Reads a column of `rows` values. @throws InputError for a length, an encoding or a code that does not fit.
FrameColumn frame_column(const Hdf5Node& frame, const std::string& name, int64_t rows);

/// Reads a column of numbers as float64, missing ones as NaN. @throws InputError if it holds something else.
std::vector<double> frame_numbers(const Hdf5Node& frame, const std::string& name, int64_t rows);

}  // namespace monge::io
