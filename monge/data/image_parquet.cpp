// Reads images from a column of Parquet files, one row group at a time when they are needed (MONGE_PARQUET).
#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <utility>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/user_words.h"
#include "monge/data/encoded_buffer.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/image_parquet_file.h"

namespace monge::data {
namespace {

using image_parquet::File;
using image_parquet::kPeak;
using image_parquet::Values;

/// A cache of the row groups used last, as many as fit into the room together with those being read, but at least one.
/// Readers may take as much room again for a time. Different row groups are read concurrently; one that several threads
/// need is read once.
class RowGroupCache {
 public:
  using Pointer = std::shared_ptr<const Values>;

  explicit RowGroupCache(int64_t room) : room_(room) {}

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
      changed_.wait(lock);  // another thread reads it, or uses the room
    }
    const auto entry = kept_.begin();
    lock.unlock();
    Pointer values;
    try {
      values = std::make_shared<const Values>(image_parquet::read_values(file, group, file.column.image));
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

  /// Drops the row groups of a file that has no reader any more.
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

  /// Drops the least recently used row groups. @return whether there is room now.
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
  std::list<Entry> kept_;  ///< the most recently used in front
  int64_t room_, held_ = 0;
  int64_t reading_ = 0;  ///< bytes that readers take in addition to their results
};

/// One cache for all sources of the process, unless a test needs another room.
std::shared_ptr<RowGroupCache> row_groups(int64_t room) {
  static const auto all = std::make_shared<RowGroupCache>(kParquetRoom);
  return room == kParquetRoom ? all : std::make_shared<RowGroupCache>(room);
}

class ParquetImages : public ImageCollection {
 public:
  ParquetImages(std::vector<File> files, std::shared_ptr<RowGroupCache> groups)
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
    return file->shard + (own.empty() ? image_parquet::number_name(row) : std::string(own));
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
    if (!values->present[static_cast<size_t>(own)]) throw InputError(where(i) + ": has no image");
    const auto image = (*values)[own];
    hold_buffer(buffer, static_cast<int64_t>(image.size()), where(i));
    buffer.assign(image);
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
  std::vector<int64_t> ends_;  ///< ends of the files, in rows
  std::shared_ptr<RowGroupCache> groups_;
};

}  // namespace

std::shared_ptr<const ImageCollection> open_image_parquet(const ParquetPath& path, const LogSink& log, int64_t room) {
  const auto paths = parquet_files(path);
  std::vector<File> files;
  int64_t rows = 0, numbered = 0;
  for (const auto& each : paths) {
    auto file = image_parquet::open_file(each, files.empty() ? path.column : files[0].column.name);
    if (paths.size() > 1) file.shard = each.stem().string() + '/';
    if (file.column.path >= 0) file.names = image_parquet::names_of(file, numbered);
    rows = checked_add(rows, file.rows(), path.whole);
    files.push_back(std::move(file));
  }
  require(rows > 0, path.whole, ": holds no rows");
  if (std::all_of(files.begin(), files.end(), image_parquet::says_empty)) {
    const bool paths_alone = files[0].column.path >= 0;
    throw InputError(
        {.what = text("the column holds no images, all of its ", rows, " rows are null"),
         .where = path.whole,
         .value = shown(files[0].column.name),
         .fix = paths_alone ? "if only the paths of the files were written, embed the files with datasets: "
                              "dataset.with_format(\"arrow\").map(datasets.table.embed_table_storage, batched=True)"
                            : ""});
  }
  if (numbered > 0 && numbered < rows) {
    log(LogLevel::info, text(path.whole, ": ", numbered, " of ", rows,
                             " rows have no path that is usable as a name, and are named by their row number"));
  }
  if (const int64_t most = image_parquet::largest_group(files); most > room) {
    log(LogLevel::warning,
        text(path.whole, ": row groups hold up to ", most >> 20,
             " MiB of images, and reading one image reads its whole group; ", image_parquet::kSmaller,
             ", or prepare the images once with ", user_word("data::pack()")));
  }
  return std::make_shared<ParquetImages>(std::move(files), row_groups(room));
}

}  // namespace monge::data
