// How a table of text is laid out: separator, decimal mark, header and index, found by looking at its first rows.
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
  bool points_could_group = false;  ///< points were taken for decimal marks and could separate thousands
  bool header = false;              ///< the first row holds names
  bool numeric_header = false;      ///< and all of these are numbers
  bool doubtful_header = false;     ///< and they could as well be data, see HeaderVerdict
  bool could_be_header = false;     ///< it was taken for data, and could hold names
  bool short_header = false;        ///< it has one name less than rows have fields, as R writes it
  int64_t header_line = 0;
  int64_t comment_line = 0;        ///< without a header: the line with # that gives the names, or 0
  int64_t width = 0;               ///< fields of a row, index and trailing one included
  bool trailing = false;           ///< every row ends with a separator: its last field is empty and no column
  int64_t index = -1;              ///< the field of the row names, or -1
  bool index_by_text = false;      ///< it was taken for the index since it is text throughout
  std::vector<std::string> names;  ///< one per field of a row, or empty where nothing gives them; UTF-8
  bool foreign_names = false;      ///< names were not UTF-8 and were read as Windows-1252
  double row_bytes = 0;            ///< of the rows that were looked at, in the mean
  std::vector<bool> text_columns;  ///< one per field: whether a row that was looked at has text there
};

/// Looks at the first 100 rows (fewer of very long ones).
///
/// The separator is the first of ; tab , | and blanks by which all rows looked at have the same number of fields, two
/// or more; the first row may have one less. A first row of one name above rows of a name in quotes, or of a count 1,
/// 2, 3, ..., and a number is R's write.table of one column. Else it is the first of these that the first row has.
///
/// The decimal mark is a comma where numbers with commas are found (within quotes where commas separate) and none with
/// points; require_decimal_commas then looks whether commas could separate thousands.
///
/// The first row is a header where one of these holds:
///   1. It has text and no number; or text above a column of numbers, and its numbers are whole and distinct.
///   2. It has one field less than the rows below, which then begin with an index (R's write.table). If it is whole
///   numbers
///      alone, the rows must begin with texts or count from 0 or 1.
///   3. All its fields are in quotes, and below there is a column of numbers without quotes (R's write.csv).
///   4. It holds whole distinct numbers, all columns below hold numbers written with a fraction or an exponent (pandas'
///      column numbers, years). One number alone must be a year, or stand after an unnamed column.
///   5. It holds whole distinct numbers after an unnamed first field, and the rows below begin with texts or count from
///   0 or
///      1; or it counts 0, 1, 2, ... (or 1, 2, 3, ...) itself, and stands after a text or above a column with
///      fractions.
///   6. Five or more numbers in equal steps, and the second row is not (wavelengths, times); or years from 1900 to 2100
///   in
///      equal steps with no such number in the columns below.
///
/// Without a header, a lone line that begins with # above the first row gives the names where it has one for each
/// field, all different and not all numbers (numpy.savetxt). It goes before a header of numbers by rules 4 to 6 that is
/// doubtful.
///
/// The index is the first column where it has no name (or pandas' "Unnamed: 0") under a header, where rows have one
/// field more than names, or where it is text throughout and another column holds numbers. Texts most of which are
/// is_number_like are no index: these are refused when the rows are read.
///
/// @param text  UTF-8.
/// @throws InputError for a text without a row, or options that cannot be met.
TextLayout find_layout(std::string_view text, const TextTableOptions& options, const std::string& name);

/// A column for a message: "3 ("y")", or "3 (counted from 0)" where columns have no names.
std::string column_name(const TextLayout& layout, int64_t field);

}  // namespace monge::io
