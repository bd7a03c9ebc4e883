// Tables of numbers in Parquet files.
#pragma once

#include "monge/data/parquet_path.h"
#include "monge/io/text_table.h"

namespace monge::data {

/// Whether this is a table of numbers rather than a set of images: its parameters are those of a table, or it names no
/// column of images, has none and has a column of numbers. In builds without MONGE_PARQUET only the parameters count.
/// @throws InputError naming the file when it cannot be read.
bool holds_parquet_table(const ParquetPath& path);

/// Reads the rows of all its files, in their order.
///
/// Columns are those of booleans, integers and floats. Values are float64, or float32 if all chosen columns are. A null
/// is a missing value, like NaN. The index is the column that pandas' metadata in the file name as such, or `index`; it
/// may be text. Names of columns and rows are kept. Table::reading says which column is the index, which rows were left
/// out and how many whole numbers float64 does not hold exactly.
/// @param missing  does not override the path's own parameter.
/// @throws InputError naming the file: damaged, no column of numbers, a chosen column of another type (with the
///     possible ones), a missing value under `refuse` (with row and column). Builds without MONGE_PARQUET always throw
///     it, saying what to do.
io::Table read_parquet_table(const ParquetPath& path, io::TextTableOptions::Missing missing);

}  // namespace monge::data
