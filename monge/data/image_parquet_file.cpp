#include "monge/data/image_parquet_file.h"

#include <arrow/io/file.h>

#include <algorithm>
#include <array>

#include "monge/core/names.h"

namespace monge::data::image_parquet {
namespace {

std::unique_ptr<parquet::ParquetFileReader> open_reader(const fs::path& path, arrow::MemoryPool* pool,
                                                        std::shared_ptr<parquet::FileMetaData> known = nullptr) {
  parquet::ReaderProperties properties(pool);
  properties.enable_buffered_stream();  // else a column of a row group is read as a whole before it is decoded
  properties.set_buffer_size(1 << 20);
  properties.set_page_checksum_verification(true);
  PARQUET_ASSIGN_OR_THROW(auto file, arrow::io::ReadableFile::Open(path.string(), pool));
  return parquet::ParquetFileReader::Open(std::move(file), properties, std::move(known));
}

/// A path as a name, or "" if it cannot be one.
std::string name_of_path(std::string_view path) {
  const bool odd =
      std::any_of(path.begin(), path.end(), [](unsigned char letter) { return letter < 32 || letter == 127; });
  if (odd || !is_utf8(path) || !stays_inside(path)) return {};
  const auto out = fs::path(path).lexically_normal();
  return out.has_filename() && out.filename() != "." ? out.generic_string() : std::string();
}

}  // namespace

std::string reason(const std::exception& failure) {
  std::string out = failure.what();
  out = out.substr(0, out.find('\n'));
  for (char& letter : out) {
    if (static_cast<unsigned char>(letter) < 32 || letter == 127) letter = '?';
  }
  return out;
}

Values read_values(const File& file, int group, int leaf) {
  return reading(file.path, text("row group ", group), [&] {
    std::error_code failure;
    require(static_cast<int64_t>(fs::file_size(file.path, failure)) == file.size && !failure, file.path.string(),
            ": the file has changed since it was opened");
    const auto facts = file.metadata->RowGroup(group);
    const int64_t rows = facts->num_rows(), expected = facts->ColumnChunk(leaf)->total_uncompressed_size();
    // A damaged page header may claim any size. One dictionary, one page and their decoder are in memory at a time. One
    // pool counts the memory of this call, and the other refuses to exceed its limit.
    arrow::ProxyMemoryPool counted(arrow::system_memory_pool());
    arrow::CappedMemoryPool pool(&counted, kPeak * expected + kSpare);
    const auto reader = open_reader(file.path, &pool, file.metadata);
    const auto column = reader->RowGroup(group)->Column(leaf);
    auto& values = static_cast<parquet::ByteArrayReader&>(*column);
    const int16_t there = column->descr()->max_definition_level();

    Values out;
    out.buffer.reserve(static_cast<size_t>(expected));
    out.ends.reserve(static_cast<size_t>(rows));
    out.present.reserve(static_cast<size_t>(rows));
    constexpr int64_t kBatch = 64;
    std::array<int16_t, kBatch> levels;
    std::array<parquet::ByteArray, kBatch> batch;
    while (values.HasNext()) {
      levels.fill(there);  // the reader sets no levels if no value can be missing
      int64_t found = 0, used = 0;
      const int64_t read = values.ReadBatch(kBatch, levels.data(), nullptr, batch.data(), &found);
      require(read > 0 && static_cast<int64_t>(out.ends.size()) + read <= rows, file.path.string(), ": row group ",
              group, " is damaged: it does not have the ", rows, " rows that it claims");
      for (int64_t i = 0; i < read; ++i) {
        const bool present = levels[static_cast<size_t>(i)] == there;
        if (present && used >= found)
          throw InputError(text(file.path.string(), ": row group ", group, " is damaged: values are missing"));
        if (present) {
          const auto& value = batch[static_cast<size_t>(used++)];
          // An image that many rows share is stored once in the file, so the sum may exceed the file's size.
          if (static_cast<int64_t>(out.buffer.size()) + value.len > kMostGroupBytes) {
            throw InputError(text(file.path.string(), ": the images of row group ", group, " take more than ",
                                  kMostGroupBytes >> 30, " GiB; ", kSmaller));
          }
          out.buffer.append(reinterpret_cast<const char*>(value.ptr), value.len);
        }
        out.ends.push_back(out.buffer.size());
        out.present.push_back(present);
      }
    }
    require(static_cast<int64_t>(out.ends.size()) == rows, file.path.string(), ": row group ", group,
            " is damaged: it has ", out.ends.size(), " of the ", rows, " rows that it claims");
    return out;
  });
}

std::string number_name(int64_t row) {
  auto digits = std::to_string(row);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return "row-" + digits;
}

NameList names_of(const File& file, int64_t& numbered) {
  NameList paths;
  for (int group = 0; group < file.metadata->num_row_groups(); ++group) {
    const auto values = read_values(file, group, file.column.path);
    for (size_t i = 0; i < values.ends.size(); ++i) paths.add(name_of_path(values[static_cast<int64_t>(i)]));
  }
  const auto order = paths.sorted();
  std::vector<bool> taken(order.size());
  for (size_t i = 1; i < order.size(); ++i) {
    if (paths[order[i]] == paths[order[i - 1]])
      taken[static_cast<size_t>(order[i])] = taken[static_cast<size_t>(order[i - 1])] = true;
  }
  NameList out;
  for (int64_t i = 0; i < paths.size(); ++i) {
    const auto path = paths[i];
    if (path.empty()) ++numbered;
    const bool prefix = !path.empty() && (taken[static_cast<size_t>(i)] || path.starts_with("row-"));
    out.add(prefix ? number_name(i) + '/' + std::string(path) : std::string(path));
  }
  return out;
}

File open_file(const fs::path& path, const std::string& wanted) {
  File out;
  out.path = path;
  std::error_code failure;
  out.size = static_cast<int64_t>(fs::file_size(path, failure));
  require(!failure, path.string(), ": cannot be read: ", failure.message());
  require(out.size > 0, path.string(), ": the file is empty");
  out.metadata =
      reading(path, "the Parquet file", [&] { return open_reader(path, arrow::system_memory_pool())->metadata(); });
  out.column = choose_column(path, *out.metadata->schema(), wanted);
  return reading(path, "the Parquet file", [&] {
    for (int group = 0; group < out.metadata->num_row_groups(); ++group) {
      const auto facts = out.metadata->RowGroup(group);
      const int64_t rows = facts->num_rows();
      require(rows >= 0 && rows <= kMostRows - out.rows(), path.string(), ": row group ", group, " claims ", rows,
              " rows; a file can have at most ", kMostRows);
      for (const int leaf : {out.column.image, out.column.path}) {
        if (leaf < 0) continue;
        const auto chunk = facts->ColumnChunk(leaf);
        require(chunk->num_values() == rows && chunk->total_uncompressed_size() >= 0, path.string(), ": row group ",
                group, " is damaged: it has ", rows, " rows and ", chunk->num_values(), " values");
        require(chunk->total_uncompressed_size() <= kMostGroupBytes, path.string(), ": row group ", group, " holds ",
                chunk->total_uncompressed_size() >> 20, " MiB of one column, and must be read as a whole (at most ",
                kMostGroupBytes >> 20, " MiB); ", kSmaller);
      }
      out.ends.push_back(out.rows() + rows);
    }
    return std::move(out);
  });
}

bool says_empty(const File& file) {
  return reading(file.path, "the Parquet file", [&] {
    for (int group = 0; group < file.metadata->num_row_groups(); ++group) {
      const auto chunk = file.metadata->RowGroup(group)->ColumnChunk(file.column.image);
      const auto facts = chunk->is_stats_set() ? chunk->statistics() : nullptr;
      if (!facts || !facts->HasNullCount() || facts->null_count() < chunk->num_values()) return false;
    }
    return true;
  });
}

int64_t largest_group(const std::vector<File>& files) {
  int64_t most = 0;
  for (const auto& file : files) {
    for (int g = 0; g < file.metadata->num_row_groups(); ++g)
      most = std::max(most, file.metadata->RowGroup(g)->ColumnChunk(file.column.image)->total_uncompressed_size());
  }
  return most;
}

}  // namespace monge::data::image_parquet
