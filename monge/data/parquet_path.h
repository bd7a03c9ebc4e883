// The names of Parquet files: "FILE.parquet", "NAME-{00000..00012}-of-00013.parquet", "FILE.parquet?column=image" for
// images, "FILE.parquet?columns=a,b" for numbers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace monge::data {

struct ParquetPath {
  std::string whole;   ///< as the user wrote it, for messages
  std::string file;    ///< the path without the column: a file, a folder NAME.parquet of files, or shards in braces
  std::string column;  ///< empty: the only one that can hold images
  std::string columns = {}, index = {};  ///< for a table of numbers, as in ArrayPath
  bool drop_missing = false;             ///< leaves out rows of a table with a missing value

  /// Whether its parameters are those of a table of numbers.
  bool names_table() const { return !columns.empty() || !index.empty() || drop_missing; }
};

/// Parses `path`; nothing if its extension is not that of Parquet. Only the text is examined, except that a '?' may
/// belong to the name of an existing file, and that a folder of other files is not Parquet.
/// @throws InputError for parameters other than column=NAME, or columns=, index= and missing=drop.
std::optional<ParquetPath> parquet_path(const std::string& path);

/// The files of the path: one file; each shard of a range; or the files of a folder, "*.parquet" that are not hidden,
/// in the order of their names.
/// @throws InputError naming what is missing, or a folder without such files.
std::vector<std::filesystem::path> parquet_files(const ParquetPath& path);

}  // namespace monge::data
