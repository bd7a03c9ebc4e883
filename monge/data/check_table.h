// Checks a table of numbers before training.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "monge/data/fill_values.h"
#include "monge/io/table.h"

namespace monge::data {

/// One column of a table. The statistics are those of the finite values, in float64. The standard deviation has the
/// divisor N.
struct ColumnReport {
  std::string name;                                                       ///< empty if the file names none
  double least = std::numeric_limits<double>::infinity(), most = -least;  ///< least > most if no value is finite
  double mean = 0, deviation = 0;
  int64_t missing = 0;                  ///< missing or NaN
  int64_t infinite = 0;                 ///< infinite, or too large for float32
  bool constant = false;                ///< all finite values are equal
  bool beyond_float32 = false;          ///< see columns_lost_in_float32
  std::optional<FillValues> fill = {};  ///< values that may be codes for missing ones
};

/// The result of check_table. Rows are counted from 0.
struct TableReport {
  std::string name;
  std::string reading;  ///< how a text was interpreted, see io::Table
  /// See io::Table, and whole numbers that float64 rounds; includes the warnings about the other table.
  std::vector<std::string> warnings;
  int64_t rows = 0;
  std::vector<ColumnReport> columns;
  std::vector<int64_t> incomplete;                      ///< rows with a value that is missing or not finite
  std::vector<std::pair<int64_t, int64_t>> duplicates;  ///< a row, and the first one with the same values
  std::vector<std::pair<int64_t, int64_t>> leaked;      ///< a row, and one of the other table with the same values
  int64_t against = 0;                                  ///< rows of the other table
  bool complete = true;                                 ///< false when `stop` ended it

  int64_t missing() const;
  std::vector<int64_t> constant() const, beyond_float32() const, with_fill_values() const;  ///< numbers of columns

  /// Whether the table must not be used for training.
  bool bad() const { return !incomplete.empty() || !leaked.empty(); }
};

/// Whether `line` names a table or an array that check_table reads (see read_table), and not a folder of this name.
/// Opens Parquet files to see what they hold. @throws InputError when such a file cannot be opened.
bool names_table(const std::string& line);

/// Reads the whole table, missing values included, and checks every row. An array of images counts as a table with one
/// column for each number of an image.
/// @param against  a second table, or empty. Rows that are in both, value by value, are leaks. If both have column
///                 names, these must be the same, in any order.
/// @param progress  called with (done, total) rows.
/// @throws InputError as read_table; when the columns of the two do not match.
TableReport check_table(const std::string& line, const std::string& against,
                        const std::function<void(int64_t, int64_t)>& progress, const std::atomic<bool>& stop);

}  // namespace monge::data
