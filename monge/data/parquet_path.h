// How Parquet files are named: "FILE.parquet", "NAME-{00000..00012}-of-00013.parquet", "FILE.parquet?column=image" of
// images, "FILE.parquet?columns=a,b" of numbers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace monge::data {

struct ParquetPath {
  std::string whole;   ///< as the user wrote it, for messages
  std::string file;    ///< without the column: a file, a folder NAME.parquet of files, or shards in braces
  std::string column;  ///< empty: the only one that can hold images
  std::string columns = {}, index = {};  ///< of a table of numbers, as ArrayPath has them
  bool drop_missing = false;             ///< leaves out rows of a table with a missing value

  /// Whether its parameters are those of a table of numbers.
  bool names_table() const { return !columns.empty() || !index.empty() || drop_missing; }
};

/// `path` taken apart, or nothing where it names no Parquet by its extension. Only text is looked at, but that a '?'
/// may belong to the name of a file that is there, and that a folder of other things is no Parquet.
/// @throws InputError for other parameters than column=NAME, or columns=, index= and missing=drop.
std::optional<ParquetPath> parquet_path(const std::string& path);

/// The files that are meant: one; each shard of a range; or those of a folder, "*.parquet" not hidden, in the order of
/// their names.
/// @throws InputError naming what is missing, or a folder that holds none.
std::vector<std::filesystem::path> parquet_files(const ParquetPath& path);

}  // namespace monge::data
