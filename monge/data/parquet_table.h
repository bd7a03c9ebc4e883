// Tables of numbers in Parquet files.
#pragma once

#include "monge/data/parquet_path.h"
#include "monge/io/text_table.h"

namespace monge::data {

/// Whether this is a table of numbers rather than a set of images: its parameters say so, or it names no column of
/// images, has none and has a column of numbers. In builds without MONGE_PARQUET the parameters alone count.
/// @throws InputError naming the file where it cannot be read.
bool holds_parquet_table(const ParquetPath& path);

/// The rows of all its files, in their order.
///
/// Columns are those of booleans, integers and floats; values float64, or float32 where all chosen ones are; a null is
/// a missing value, as NaN is. The index is the column that pandas' notes in the file name as such, or `index`; it may
/// be text. Names of columns and rows are kept; Table::reading tells which column is the index, which rows were left
/// out and how many whole numbers float64 does not hold exactly.
/// @param missing  overrules nothing that `path` says.
/// @throws InputError naming the file: damaged, no column of numbers, a chosen column of another type (with those that
/// can be
///         chosen), a missing value under `refuse` (with row and column). In builds without MONGE_PARQUET always, with
///         what to do.
io::Table read_parquet_table(const ParquetPath& path, io::TextTableOptions::Missing missing);

}  // namespace monge::data
