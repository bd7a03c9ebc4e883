// The layout of a table of text: separator, decimal mark, header and index, detected from its first rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monge/io/text_table.h"

namespace monge::io {

struct TextLayout {
  char separator = ',';         ///< ' ' for runs of blanks
  bool separator_line = false;  ///< the text begins with a spreadsheet's line "sep=;"
  bool decimal_comma = false;
  bool points_could_group = false;  ///< points are read as decimal marks, but could separate thousands
  bool header = false;              ///< the first row holds names
  bool numeric_header = false;      ///< all of these names are numbers
  bool doubtful_header = false;     ///< the header could as well be data, see HeaderVerdict
  bool could_be_header = false;     ///< the first row is read as data, but could hold names
  bool short_header = false;        ///< the header has one name less than rows have fields, as R writes it
  int64_t header_line = 0;
  int64_t comment_line = 0;        ///< without a header: the line with # that has the names, or 0
  int64_t width = 0;               ///< fields per row, including the index and the trailing field
  bool trailing = false;           ///< every row ends with a separator; the empty last field is no column
  int64_t index = -1;              ///< the field of the row names, or -1
  bool index_by_text = false;      ///< the index was chosen because the column is text throughout
  std::vector<std::string> names;  ///< one per field of a row, in UTF-8; empty if there are none
  bool foreign_names = false;      ///< names were not UTF-8 and were read as Windows-1252
  double row_bytes = 0;            ///< the mean size of the examined rows
  std::vector<bool> text_columns;  ///< one per field: whether an examined row has text there
};

/// Detects the layout from the first 100 rows (fewer of very long ones).
///
/// The separator is the first of ; tab , | and blanks by which all examined rows have the same number of fields, two or
/// more; the first row may have one less. A first row of one name above rows of a name in quotes, or of a count 1, 2,
/// 3, ..., and a number is R's write.table of one column. If no separator fits, it is the first of these that occurs in
/// the first row.
///
/// The decimal mark is a comma if numbers with commas are found (within quotes if commas separate fields) and none with
/// points; then require_decimal_commas checks whether commas could separate thousands.
///
/// The first row is a header if one of these rules holds:
///   1. It has text and no number; or text above a column of numbers, and its numbers are whole and distinct.
///   2. It has one field less than the rows below, which then begin with an index (R's write.table). If it has only
///      whole numbers, the rows must begin with texts or count from 0 or 1.
///   3. All its fields are in quotes, and below there is a column of numbers without quotes (R's write.csv).
///   4. It holds whole distinct numbers, and all columns below hold numbers written with a fraction or an exponent
///      (pandas' column numbers, years). One number alone must be a year, or follow an unnamed column.
///   5. It holds whole distinct numbers after an unnamed first field, and the rows below begin with texts or count from
///      0 or 1; or it counts 0, 1, 2, ... (or 1, 2, 3, ...) itself, and follows a text or is above a column with
///      fractions.
///   6. It holds five or more numbers in equal steps, and the second row does not (wavelengths, times); or years from
///      1900 to 2100 in equal steps with no such number in the columns below.
///
/// Without a header, a single line that begins with # above the first row gives the names if it has one for each field,
/// all different and not all numbers (numpy.savetxt). It takes precedence over a doubtful header of numbers by rules 4
/// to 6.
///
/// The index is the first column if it has no name (or pandas' "Unnamed: 0") under a header, if rows have one field
/// more than names, or if it is text throughout and another column holds numbers. A column whose texts are mostly
/// is_number_like is no index; its texts are refused when the rows are read.
///
/// @param text  UTF-8.
/// @throws InputError for a text without a row, or options that cannot be met.
TextLayout find_layout(std::string_view text, const TextTableOptions& options, const std::string& name);

/// A column in its form for a message: "3 ("y")", or "3 (counted from 0)" if columns have no names.
std::string column_name(const TextLayout& layout, int64_t field);

}  // namespace monge::io
