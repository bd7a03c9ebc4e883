// The names of tables and arrays: "FILE.csv?columns=a,b,d-f&index=cell", "npz:FILE.npz?key=NAME",
// "FILE.h5ad?obsm=X_pca&where=condition=ctrl".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "monge/core/value_names.h"
#include "monge/io/anndata.h"
#include "monge/io/text_table.h"

namespace monge::data {

/// The kind of a file by its name, in either case: ".npy", ".npz" or ".h5ad"; ".csv" for .csv, .tsv and .txt, also with
/// .gz behind; else "". A '?' and parameters may follow the extension.
std::string array_extension(const std::filesystem::path& path);

/// Whether array_extension(path) is not "".
bool has_array_extension(const std::filesystem::path& path);

/// The values of "missing=" in a path, which say what happens to rows with missing values: refuse, drop.
const ValueNames<io::TextTableOptions::Missing>& missing_names();

struct ArrayPath {
  std::filesystem::path file;
  std::string key = {};             ///< the array of a .npz; empty: its only one
  io::TextTableOptions table = {};  ///< for .npy and .npz, only `columns` has a meaning; for .h5ad also `missing`
  io::CellsChoice cells = {};       ///< the table of a .h5ad
  std::vector<io::CellCondition> conditions = {};  ///< of its cells
};

/// Parses a path. The parameters are:
///
///     columns=a,b,d-f         any kind: which columns, by names or numbers from 0, in this order (io::choose_columns)
///     key=NAME                .npz: which array
///     index=NAME|none         text: the column that names the rows (io::find_column)
///     header=yes|no           text: whether the first row holds names
///     missing=drop            text, .h5ad: leaves out rows with a missing value in a chosen column
///     separator=comma|semicolon|tab|bar|blank
///     decimal=point|comma     text
///     layer=NAME              .h5ad: a layer in place of X
///     obsm=NAME               .h5ad: an embedding in place of X
///     raw=yes                 .h5ad: raw.X in place of X
///     where=COLUMN=VALUE,...  .h5ad: which cells, see cell_conditions
///
/// A path that exists as it is written is a file without parameters, whatever it holds. So is a path whose part before
/// each '?' has no extension of an array.
/// @throws InputError showing the line: an npz: without a file or with another kind of file, a parameter that does not
///     exist for the kind of file, a value that is not allowed.
ArrayPath array_path(const std::string& line);

}  // namespace monge::data
