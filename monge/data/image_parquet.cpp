// Images out of a column of Parquet files, by row group as they are asked for. The only file that sees Arrow
// (MONGE_PARQUET).
//
// Parquet's own readers of columns are used and not Arrow's tables: an image is a value of bytes, a definition level
// says whether it is there, and so nothing is decoded but the column, page by page, into memory that is counted.
#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <arrow/util/io_util.h>
#include <parquet/api/reader.h>
#include <parquet/exception.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <numeric>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/name_list.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostGroupBytes = int64_t{4} << 30;  // of a row group's images; it has to be read as a whole
constexpr int64_t kPeak = 4;                   // sizes of a row group that a reader takes at most: often it is one page
constexpr int64_t kSpare = int64_t{16} << 20;  // for a reader beside what the pages of its row group take
constexpr int64_t kMostRows = int64_t{1} << 31;  // of a file
constexpr auto kSmaller = "write it with smaller ones (pyarrow.parquet.write_table(..., row_group_size=100))";

/// What Arrow says, in one line that cannot write to the terminal.
std::string reason(const std::exception& failure) {
  std::string out = failure.what();
  out = out.substr(0, out.find('\n'));
  for (char& letter : out) {
    if (static_cast<unsigned char>(letter) < 32 || letter == 127) letter = '?';
  }
  return out;
}

/// Runs `action`; what Arrow and the memory complain of becomes an Error that names the file.
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
    throw Error(text(path.string(), ": ", what, " cannot be read: ", reason(failure)));
  } catch (const std::exception& failure) {
    throw Error(text(path.string(), ": ", what, " cannot be read: ", reason(failure)));
  }
}

std::unique_ptr<parquet::ParquetFileReader> open_reader(const fs::path& path, arrow::MemoryPool* pool,
                                                        std::shared_ptr<parquet::FileMetaData> known = nullptr) {
  parquet::ReaderProperties properties(pool);
  properties.enable_buffered_stream();  // else a column of a row group would be read in one piece before it is decoded
  properties.set_buffer_size(1 << 20);
  properties.set_page_checksum_verification(true);
  PARQUET_ASSIGN_OR_THROW(auto file, arrow::io::ReadableFile::Open(path.string(), pool));
  return parquet::ParquetFileReader::Open(std::move(file), properties, std::move(known));
}

/// The values of a column in a row group.
struct Values {
  std::string letters;
  std::vector<size_t> ends;
  std::vector<bool> present;

  int64_t bytes() const {
    return static_cast<int64_t>(letters.capacity() + ends.capacity() * sizeof(size_t) + present.capacity() / 8);
  }
  std::string_view operator[](int64_t i) const {
    const auto at = static_cast<size_t>(i);
    const size_t begin = at == 0 ? 0 : ends[at - 1];
    return std::string_view(letters).substr(begin, ends[at] - begin);
  }
};

/// A column that holds images, by the numbers of its leaves.
struct Column {
  std::string name;
  int image = -1;
  int path = -1;  ///< of Hugging Face's kind; -1: none
};

struct File {
  fs::path path;
  int64_t size = 0;   ///< in bytes
  std::string shard;  ///< before the names of its rows, with '/'; empty where it is alone
  std::shared_ptr<parquet::FileMetaData> metadata;
  Column column;
  std::vector<int64_t> ends;  ///< of the row groups, in rows
  NameList names;  ///< of the rows; empty ones are named by their number; none at all without a column of paths

  int64_t rows() const { return ends.empty() ? 0 : ends.back(); }
};

/// @throws Error also where there are fewer or more values than rows, or more bytes than kMostGroupBytes.
Values read_values(const File& file, int group, int leaf) {
  return reading(file.path, text("row group ", group), [&] {
    std::error_code failure;
    require(static_cast<int64_t>(fs::file_size(file.path, failure)) == file.size && !failure, file.path.string(),
            ": is not the file that it was when it was opened");
    const auto facts = file.metadata->RowGroup(group);
    const int64_t rows = facts->num_rows(), expected = facts->ColumnChunk(leaf)->total_uncompressed_size();
    // A damaged header of a page may claim any size. A dictionary and a page are in memory at a time, and what decodes
    // them. The one pool counts for this reading alone, the other refuses by its count.
    arrow::ProxyMemoryPool counted(arrow::system_memory_pool());
    arrow::CappedMemoryPool pool(&counted, kPeak * expected + kSpare);
    const auto reader = open_reader(file.path, &pool, file.metadata);
    const auto column = reader->RowGroup(group)->Column(leaf);
    auto& values = static_cast<parquet::ByteArrayReader&>(*column);
    const int16_t there = column->descr()->max_definition_level();

    Values out;
    out.letters.reserve(static_cast<size_t>(expected));
    out.ends.reserve(static_cast<size_t>(rows));
    out.present.reserve(static_cast<size_t>(rows));
    constexpr int64_t kBatch = 64;
    std::array<int16_t, kBatch> levels;
    std::array<parquet::ByteArray, kBatch> batch;
    while (values.HasNext()) {
      levels.fill(there);  // they are not told where nothing can be missing
      int64_t found = 0, used = 0;
      const int64_t read = values.ReadBatch(kBatch, levels.data(), nullptr, batch.data(), &found);
      require(read > 0 && static_cast<int64_t>(out.ends.size()) + read <= rows, file.path.string(), ": row group ",
              group, " is damaged: it has not the ", rows, " rows that it claims");
      for (int64_t i = 0; i < read; ++i) {
        const bool present = levels[static_cast<size_t>(i)] == there;
        if (present && used >= found)
          throw Error(text(file.path.string(), ": row group ", group, " is damaged: values are missing"));
        if (present) {
          const auto& value = batch[static_cast<size_t>(used++)];
          // One image in many rows stands once in the file.
          if (static_cast<int64_t>(out.letters.size()) + value.len > kMostGroupBytes) {
            throw Error(text(file.path.string(), ": the images of row group ", group, " take more than ",
                             kMostGroupBytes >> 30, " GiB; ", kSmaller));
          }
          out.letters.append(reinterpret_cast<const char*>(value.ptr), value.len);
        }
        out.ends.push_back(out.letters.size());
        out.present.push_back(present);
      }
    }
    require(static_cast<int64_t>(out.ends.size()) == rows, file.path.string(), ": row group ", group,
            " is damaged: it has ", out.ends.size(), " of the ", rows, " rows that it claims");
    return out;
  });
}

/// The row groups that were used last, as many as fit into the room together with those being read; at least one. What
/// readers take for a time has as much room again. Different ones are read at once, one by several threads once.
class RowGroups {
 public:
  using Pointer = std::shared_ptr<const Values>;

  explicit RowGroups(int64_t room) : room_(room) {}

  Pointer get(const File& file, int group) {
    const std::pair key{&file, group};
    std::unique_lock lock(guard_);
    for (;;) {
      const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Entry& entry) { return entry.key == key; });
      if (found != kept_.end() && found->values) {
        kept_.splice(kept_.begin(), kept_, found);
        return found->values;
      }
      const int64_t needed = file.metadata->RowGroup(group)->ColumnChunk(file.column.image)->total_uncompressed_size();
      const bool may_read = reading_ == 0 || reading_ + kPeak * needed <= room_;
      if (found == kept_.end() && may_read && make_room(needed)) {
        reading_ += kPeak * needed;
        kept_.push_front({key, needed, nullptr});
        held_ += needed;
        break;
      }
      changed_.wait(lock);  // another thread reads it, or holds the room
    }
    const auto entry = kept_.begin();
    lock.unlock();
    Pointer values;
    try {
      values = std::make_shared<const Values>(read_values(file, group, file.column.image));
    } catch (...) {
      lock.lock();
      reading_ -= kPeak * entry->bytes;
      held_ -= entry->bytes;
      kept_.erase(entry);
      changed_.notify_all();
      throw;
    }
    lock.lock();
    reading_ -= kPeak * entry->bytes;
    held_ += values->bytes() - entry->bytes;
    entry->bytes = values->bytes();
    entry->values = values;
    changed_.notify_all();
    return values;
  }

  /// Drops what is kept of a file that nobody reads any more.
  void forget(const File& file) {
    const std::lock_guard lock(guard_);
    for (const auto& entry : kept_) held_ -= entry.key.first == &file ? entry.bytes : 0;
    kept_.remove_if([&](const Entry& entry) { return entry.key.first == &file; });
    changed_.notify_all();
  }

 private:
  struct Entry {
    std::pair<const File*, int> key;
    int64_t bytes;
    Pointer values;  ///< null while they are read
  };

  /// Drops what was not used for longest. @return whether there is room now.
  bool make_room(int64_t needed) {
    for (auto at = kept_.end(); held_ > 0 && held_ + needed > room_ && at != kept_.begin();) {
      --at;
      if (!at->values) continue;
      held_ -= at->bytes;
      at = kept_.erase(at);
    }
    return kept_.empty() || held_ + needed <= room_;
  }

  std::mutex guard_;
  std::condition_variable changed_;
  std::list<Entry> kept_;  ///< the last used in front
  int64_t room_, held_ = 0;
  int64_t reading_ = 0;  ///< what readers take beside what they give
};

/// One for all sources of the process, unless a test wants another room.
std::shared_ptr<RowGroups> row_groups(int64_t room) {
  static const auto all = std::make_shared<RowGroups>(kParquetRoom);
  return room == kParquetRoom ? all : std::make_shared<RowGroups>(room);
}

/// "row-000017"
std::string number_name(int64_t row) {
  auto digits = std::to_string(row);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return "row-" + digits;
}

class ParquetImages : public ImageCollection {
 public:
  ParquetImages(std::vector<File> files, std::shared_ptr<RowGroups> groups)
      : files_(std::move(files)), groups_(std::move(groups)) {
    for (const auto& file : files_) ends_.push_back((ends_.empty() ? 0 : ends_.back()) + file.rows());
  }
  ~ParquetImages() override {
    for (const auto& file : files_) groups_->forget(file);
  }

  int64_t size() const override { return ends_.back(); }
  std::string name(int64_t i) const override {
    const auto [file, row] = find(i);
    const auto own = file->names.size() > 0 ? file->names[row] : std::string_view();
    return file->shard + (own.empty() ? number_name(row) : std::string(own));
  }
  std::string where(int64_t i) const override {
    const auto [file, row] = find(i);
    const auto own = file->names.size() > 0 ? file->names[row] : std::string_view();
    return text(file->path.string(), ", row ", row, own.empty() ? "" : text(" (", own, ')'));
  }
  std::string_view bytes(int64_t i, std::string& buffer) const override {
    const auto [file, row] = find(i);
    const auto group = std::upper_bound(file->ends.begin(), file->ends.end(), row) - file->ends.begin();
    const int64_t own = row - (group == 0 ? 0 : file->ends[static_cast<size_t>(group) - 1]);
    const auto values = groups_->get(*file, static_cast<int>(group));
    if (!values->present[static_cast<size_t>(own)]) throw Error(where(i) + ": has no image");
    buffer.assign((*values)[own]);
    return buffer;
  }
  int64_t length(int64_t) const override { return 0; }
  std::string whole_stamp() const override {
    std::string all;
    for (const auto& file : files_) {
      all += text(file.size, ' ', file.column.name, '\n');
      for (int g = 0; g < file.metadata->num_row_groups(); ++g) {
        const auto chunk = file.metadata->RowGroup(g)->ColumnChunk(file.column.image);
        all += text(chunk->num_values(), ' ', chunk->data_page_offset(), ' ', chunk->total_compressed_size(), ' ',
                    chunk->total_uncompressed_size(), '\n');
      }
    }
    return content_hash(all);
  }

 private:
  std::pair<const File*, int64_t> find(int64_t i) const {
    const auto file = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), i) - ends_.begin());
    return {&files_[file], i - (file == 0 ? 0 : ends_[file - 1])};
  }

  std::vector<File> files_;
  std::vector<int64_t> ends_;  ///< of the files, in rows
  std::shared_ptr<RowGroups> groups_;
};

bool is_bytes(const parquet::schema::Node& node) {
  if (!node.is_primitive() || node.is_repeated()) return false;
  const auto& leaf = static_cast<const parquet::schema::PrimitiveNode&>(node);
  return leaf.physical_type() == parquet::Type::BYTE_ARRAY && leaf.converted_type() == parquet::ConvertedType::NONE &&
         (!leaf.logical_type() || leaf.logical_type()->is_none());
}

bool is_text(const parquet::schema::Node& node) {
  if (!node.is_primitive() || node.is_repeated()) return false;
  const auto& leaf = static_cast<const parquet::schema::PrimitiveNode&>(node);
  return leaf.physical_type() == parquet::Type::BYTE_ARRAY && leaf.logical_type() && leaf.logical_type()->is_string();
}

/// "label (INT64)", for messages.
std::string described(const parquet::schema::Node& node) {
  const auto kind = [&]() -> std::string {
    if (is_text(node)) return "text";
    if (is_bytes(node)) return "binary";
    if (node.is_repeated()) return "list";
    if (node.is_primitive())
      return parquet::TypeToString(static_cast<const parquet::schema::PrimitiveNode&>(node).physical_type());
    return node.logical_type() && !node.logical_type()->is_none() ? node.logical_type()->ToString() : "struct";
  }();
  return shown(node.name()) + " (" + kind + ')';
}

constexpr auto kAllowed =
    "binary, or a struct of binary \"bytes\" and text \"path\" as Hugging Face's datasets have it";

Column choose_column(const fs::path& path, const parquet::SchemaDescriptor& schema, const std::string& wanted) {
  const auto& root = *schema.group_node();
  std::vector<Column> fitting;
  std::vector<std::string> all, names;
  for (int f = 0; f < root.field_count(); ++f) {
    const auto& node = *root.field(f);
    all.push_back(described(node));
    names.push_back(node.name());
    Column column{.name = node.name()};
    if (is_bytes(node)) {
      column.image = schema.ColumnIndex(node);
    } else if (node.is_group() && !node.is_repeated()) {
      const auto& group = static_cast<const parquet::schema::GroupNode&>(node);
      for (int k = 0; k < group.field_count(); ++k) {
        const auto& part = *group.field(k);
        if (part.name() == "bytes" && is_bytes(part)) column.image = schema.ColumnIndex(part);
        if (part.name() == "path" && is_text(part)) column.path = schema.ColumnIndex(part);
      }
    }
    if (column.image >= 0) fitting.push_back(column);
    if (node.name() != wanted) continue;
    if (column.image >= 0) return column;
    throw Error(Complaint{.what = "the column cannot hold images",
                          .where = path.string(),
                          .value = described(node),
                          .allowed = kAllowed});
  }
  if (!wanted.empty()) {
    throw Error(Complaint{.what = "has no such column",
                          .where = path.string(),
                          .value = shown(wanted),
                          .allowed = join(all),
                          .fix = suggestion(wanted, names)});
  }
  if (fitting.size() == 1) return fitting[0];
  if (fitting.empty()) {
    throw Error(Complaint{
        .what = "no column can hold images", .where = path.string(), .value = join(all), .allowed = kAllowed});
  }
  std::vector<std::string> candidates;
  for (const auto& column : fitting) candidates.push_back(shown(column.name));
  throw Error(Complaint{.what = "several columns can hold images",
                        .where = path.string(),
                        .allowed = join(candidates),
                        .fix = "name one: FILE.parquet?column=NAME"});
}

/// A path as a name, or "" where it is not fit to be one.
std::string name_of_path(std::string_view path) {
  const bool odd =
      std::any_of(path.begin(), path.end(), [](unsigned char letter) { return letter < 32 || letter == 127; });
  if (odd || !is_utf8(path) || !stays_inside(path)) return {};
  const auto out = fs::path(path).lexically_normal();
  return out.has_filename() && out.filename() != "." ? out.generic_string() : std::string();
}

/// The names of a file's rows: the paths that stand in it. Where one stands in several rows, or begins like a number,
/// the row's number goes before it, so that no two are equal.
/// @param numbered  told how many rows are named by a number alone.
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

/// @param wanted  empty: the only one that can hold images.
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
              " rows; the most of a file are ", kMostRows);
      for (const int leaf : {out.column.image, out.column.path}) {
        if (leaf < 0) continue;
        const auto chunk = facts->ColumnChunk(leaf);
        require(chunk->num_values() == rows && chunk->total_uncompressed_size() >= 0, path.string(), ": row group ",
                group, " is damaged: it has ", rows, " rows and ", chunk->num_values(), " values");
        require(chunk->total_uncompressed_size() <= kMostGroupBytes, path.string(), ": row group ", group, " holds ",
                chunk->total_uncompressed_size() >> 20,
                " MiB of one column, and has to be read as a whole (the most are ", kMostGroupBytes >> 20, " MiB); ",
                kSmaller);
      }
      out.ends.push_back(out.rows() + rows);
    }
    return std::move(out);
  });
}

/// Whether the file itself says that every row of its column is null. @return false where it does not say.
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

}  // namespace

std::shared_ptr<const ImageCollection> open_image_parquet(const ParquetPath& path, const LogSink& log, int64_t room) {
  const auto paths = parquet_files(path);
  std::vector<File> files;
  int64_t rows = 0, numbered = 0;
  for (const auto& each : paths) {
    auto file = open_file(each, files.empty() ? path.column : files[0].column.name);
    if (paths.size() > 1) file.shard = each.stem().string() + '/';
    if (file.column.path >= 0) file.names = names_of(file, numbered);
    rows = checked_add(rows, file.rows(), path.whole);
    files.push_back(std::move(file));
  }
  require(rows > 0, path.whole, ": holds no rows");
  if (std::all_of(files.begin(), files.end(), says_empty)) {
    const bool paths_alone = files[0].column.path >= 0;
    throw Error(Complaint{
        .what = text("the column holds no images, all of its ", rows, " rows are null"),
        .where = path.whole,
        .value = shown(files[0].column.name),
        .fix = paths_alone ? "were the paths of files written alone? In datasets: dataset.with_format(\"arrow\").map("
                             "datasets.table.embed_table_storage, batched=True) puts the files in"
                           : ""});
  }
  if (numbered > 0 && numbered < rows) {
    log(LogLevel::info, text(path.whole, ": ", numbered, " of ", rows,
                             " rows have no path that can be a name, and are named by their number"));
  }
  if (const int64_t most = largest_group(files); most > room) {
    log(LogLevel::warning, text(path.whole, ": row groups hold up to ", most >> 20,
                                " MiB of images, each read as a whole for any of them; ", kSmaller,
                                ", or prepare the images once with monge data pack"));
  }
  return std::make_shared<ParquetImages>(std::move(files), row_groups(room));
}

}  // namespace monge::data
