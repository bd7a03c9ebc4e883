// Reads tables of numbers as text, as pandas, R, spreadsheets and databases write them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "monge/io/table.h"

namespace monge::io {

/// Settings that override find_layout. The words are those of the parameters in "FILE.csv?header=no&columns=a,b".
struct TextTableOptions {
  std::string header = "auto";     ///< auto, yes, no
  std::string index = {};          ///< empty: detected; "none"; or a column, see find_column
  std::string columns = {};        ///< the columns in their order, see choose_columns; empty: all but the index
  std::string separator = "auto";  ///< auto, comma, semicolon, tab, bar, blank
  std::string decimal = "auto";    ///< auto, point, comma

  enum class Missing {
    refuse,  ///< throw
    drop,    ///< leave out rows with a missing value in a chosen column
    keep,    ///< read it as NaN
  };
  Missing missing = Missing::refuse;
};

/// Reads a table. Field numbers in `index` and `columns` are counted from 0 and include the index.
///
/// Values are the nearest float64; true and false are 1 and 0. inf is a number; NaN is a missing value, as are an empty
/// field, NA and null. Encodings: UTF-8 with or without a byte order mark, UTF-16, UTF-32; names that are not UTF-8 are
/// read as Windows-1252. Quotes as in RFC 4180. Lines that begin with # and empty lines are skipped. Table::reading
/// reports the separator, decimal mark, header and index that were used, and what was left out. Table::warnings reports
/// a header of numbers that may be a row, comments that look like rows, an index that repeats, and whole numbers beyond
/// 2^53.
///
/// Time and memory are linear in the size of the text: in addition to the text, the values are held once.
/// @param bytes  the file as it is. @param name  the file, for messages.
/// @throws InputError naming the file and the line: no number in a chosen column (with the choice that mends it),
///     commas that may separate thousands (require_decimal_commas), a missing value under `refuse`, a file of another
///     kind (gzip, .npy, zip), rows that do not fit the first row or the header, a quote that is not closed, no row at
///     all.
Table parse_text_table(std::string_view bytes, const std::string& name, const TextTableOptions& options = {});

/// The same for a file. If its name ends in .gz, it may be compressed by gzip.
/// @throws InputError also when it cannot be read or is damaged; SystemError.
Table read_text_table(const std::filesystem::path& path, const TextTableOptions& options = {});

}  // namespace monge::io
