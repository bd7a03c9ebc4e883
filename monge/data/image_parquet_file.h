// A Parquet file with a column of images: its metadata and the values of a row group. Only for image_parquet.cpp, and
// like it compiled only with Arrow (MONGE_PARQUET).
//
// It uses Parquet's own column readers, not Arrow's tables. An image is a value of bytes, and a definition level says
// whether it is present. So only this column is decoded, page by page, into memory that is counted.
#pragma once

#include <arrow/memory_pool.h>
#include <arrow/util/io_util.h>
#include <parquet/api/reader.h>
#include <parquet/exception.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/error.h"
#include "monge/data/name_list.h"

namespace monge::data::image_parquet {

namespace fs = std::filesystem;

inline constexpr int64_t kMostGroupBytes = int64_t{4} << 30;  // of a row group's images, which is read as a whole
inline constexpr int64_t kPeak = 4;  // sizes of a row group that a reader takes at most, as it is often one page
inline constexpr int64_t kSpare = int64_t{16} << 20;    // for a reader, in addition to the pages of its row group
inline constexpr int64_t kMostRows = int64_t{1} << 31;  // of a file
inline constexpr auto kSmaller =
    "write the file with smaller row groups (pyarrow.parquet.write_table(..., row_group_size=100))";

/// Arrow's message as one line without control characters, which is safe to print.
std::string reason(const std::exception& failure);

/// Runs `action`. Errors of Arrow and of memory become an InputError or a SystemError that names the file.
template <class Action>
auto reading(const fs::path& path, const std::string& what, const Action& action) {
  try {
    return action();
  } catch (const Error&) {
    throw;
  } catch (const parquet::ParquetStatusException& failure) {
    const int number = arrow::internal::ErrnoFromStatus(failure.status());
    const bool users = number == 0 || number == ENOENT || number == EACCES || number == EPERM || number == EISDIR;
    if (!users) throw SystemError(text(path.string(), ": ", what, " cannot be read: ", std::strerror(number)));
    throw InputError(text(path.string(), ": ", what, " cannot be read: ", reason(failure)));
  } catch (const std::exception& failure) {
    throw InputError(text(path.string(), ": ", what, " cannot be read: ", reason(failure)));
  }
}

/// The values of a column in a row group.
struct Values {
  std::string buffer;
  std::vector<size_t> ends;
  std::vector<bool> present;

  int64_t bytes() const {
    return static_cast<int64_t>(buffer.capacity() + ends.capacity() * sizeof(size_t) + present.capacity() / 8);
  }
  std::string_view operator[](int64_t i) const {
    const auto at = static_cast<size_t>(i);
    const size_t begin = at == 0 ? 0 : ends[at - 1];
    return std::string_view(buffer).substr(begin, ends[at] - begin);
  }
};

/// A column that holds images, by the numbers of its leaves.
struct Column {
  std::string name;
  int image = -1;
  int path = -1;  ///< the column of paths, in Hugging Face's kind of column; -1: none
};

struct File {
  fs::path path;
  int64_t size = 0;   ///< in bytes
  std::string shard;  ///< prefix of the names of its rows, with '/'; empty for a single file
  std::shared_ptr<parquet::FileMetaData> metadata;
  Column column;
  std::vector<int64_t> ends;  ///< ends of the row groups, in rows
  NameList names;             ///< names of rows; an empty one means the row's number; none without a column of paths

  int64_t rows() const { return ends.empty() ? 0 : ends.back(); }
};

/// @param wanted  the column; empty: the only one that can hold images.
/// @throws InputError naming the file: damaged, too large row groups, no such column.
File open_file(const fs::path& path, const std::string& wanted);

/// The column of a file that holds images. @throws InputError naming the possible columns.
Column choose_column(const fs::path& path, const parquet::SchemaDescriptor& schema, const std::string& wanted);

/// The values of one leaf of the file's columns in a row group.
/// @throws InputError also when there are fewer or more values than rows, or more bytes than kMostGroupBytes.
Values read_values(const File& file, int group, int leaf);

/// "row-000017"
std::string number_name(int64_t row);

/// The names of a file's rows: the stored paths. If several rows have a path, or it begins like a number, the row's
/// number is put before it, so that no two names are equal.
/// @param numbered  the number of rows that are named by a number alone is added to it.
NameList names_of(const File& file, int64_t& numbered);

/// Whether the file's metadata say that every row of its column is null. @return false if they do not say.
bool says_empty(const File& file);

/// The size of the largest row group of images, in bytes.
int64_t largest_group(const std::vector<File>& files);

}  // namespace monge::data::image_parquet
