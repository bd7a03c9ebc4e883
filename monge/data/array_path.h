// How a table or an array is named: "FILE.csv?columns=a,b,d-f&index=cell", "npz:FILE.npz?key=NAME".
#pragma once

#include <filesystem>
#include <string>

#include "monge/core/value_names.h"
#include "monge/io/text_table.h"

namespace monge::data {

/// What the name of a file says of its kind, in either case: ".npy" or ".npz"; ".csv" for .csv, .tsv and .txt, also
/// with .gz behind; else "". The name may have a '?' and what follows it behind its extension.
std::string array_extension(const std::filesystem::path& path);

/// Whether there is such an extension.
bool has_array_extension(const std::filesystem::path& path);

/// What "missing=" of a path may say of rows with missing values: refuse, drop.
const ValueNames<io::TextTableOptions::Missing>& missing_names();

struct ArrayPath {
  std::filesystem::path file;
  std::string key = {};             ///< of a .npz; empty: its only array
  io::TextTableOptions table = {};  ///< of .npy and .npz `columns` alone has a meaning
};

/// A path taken apart. The parameters:
///
///     columns=a,b,d-f         of all: which columns, by names or numbers from 0, in this order (io::choose_columns)
///     key=NAME                of .npz: which array
///     index=NAME|none         of text: the column that names the rows (io::find_column)
///     header=yes|no           of text: whether the first row holds names
///     missing=drop            of text: leaves out rows with a missing value in a chosen column
///     separator=comma|semicolon|tab|bar|blank and decimal=point|comma of text
///
/// A path that is there as it stands is a file without parameters, whatever it holds; and so is one whose part before
/// each '?' has no extension of an array.
/// @throws InputError showing the line: an npz: without a file or with another kind of file, a parameter that the kind
/// of file does
///         not know, a value that is not allowed.
ArrayPath array_path(const std::string& line);

}  // namespace monge::data
