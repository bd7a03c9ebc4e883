#include "monge/data/shard_file.h"

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/mapped_file.h"
#include "monge/io/archive_index.h"
#include "monge/io/npy.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

std::string_view pixels_of(const ShardPiece& piece) {
  const auto bytes = piece.record.file.count * (piece.pixels.numel() / std::max<int64_t>(piece.pixels.size(0), 1));
  return {reinterpret_cast<const char*>(piece.pixels.const_data_ptr<uint8_t>()), static_cast<size_t>(bytes)};
}

class PixelShard : public ShardFile {
 public:
  PixelShard(const fs::path& path, int64_t count, int64_t height, int64_t width)
      : path_(path), shape_{count, height, width, 3}, file_(std::make_unique<PartFile>(path)) {
    write(*file_, hash_, io::npy_header(torch::kUInt8, shape_));
  }

 private:
  void write(PartFile& file, ContentHash& hash, std::string_view bytes) {
    file.append(bytes);
    hash.add(bytes);
  }

  void append(const ShardPiece& piece) override { write(*file_, hash_, pixels_of(piece)); }

  void publish(ShardRecord& record) override {
    file_->publish();
    const bool all = record.file.count == shape_[0];
    if (!all) rewrite(record.file.count);
    record.file.xxh3 = hash_.digits();
    record.file.bytes = static_cast<int64_t>(fs::file_size(path_));
  }

  /// Rewrites the header, whose count included images that could not be used.
  void rewrite(int64_t count) {
    const auto before = io::npy_header(torch::kUInt8, shape_).size();
    shape_[0] = count;
    hash_ = ContentHash();
    const MappedFile old(path_, MappedFile::Access::sequential);
    PartFile file(path_);
    write(file, hash_, io::npy_header(torch::kUInt8, shape_));
    write(file, hash_, old.bytes().substr(before));
    old.require_whole();
    file.publish();
  }

  fs::path path_;
  std::vector<int64_t> shape_;
  std::unique_ptr<PartFile> file_;
  ContentHash hash_;
};

class EncodedShard : public ShardFile {
 public:
  explicit EncodedShard(const fs::path& path) : path_(path), writer_(path) {}

 private:
  void append(const ShardPiece& piece) override {
    for (const auto& entry : piece.encoded) writer_.add(entry.name, entry.bytes);
  }

  void publish(ShardRecord& record) override {
    writer_.finish();
    const MappedFile file(path_, MappedFile::Access::sequential);
    record.file.bytes = static_cast<int64_t>(file.bytes().size());
    record.file.xxh3 = content_hash(file.bytes());
    file.require_whole();
    const auto index = io::index_archive(file);
    if (!index || static_cast<int64_t>(index->size()) != record.file.count)
      throw InputError(text(path_.string(), ": could not be read back"));
    for (const auto& entry : *index) record.places.insert(record.places.end(), {entry.offset, entry.size});
  }

  fs::path path_;
  io::ArchiveWriter writer_;
};

}  // namespace

void ShardFile::add(const ShardPiece& piece) {
  const auto& more = piece.record;
  record_.file.name = more.file.name;
  record_.file.count += more.file.count;
  record_.names += more.names;
  record_.content.insert(record_.content.end(), more.content.begin(), more.content.end());
  record_.left_out.insert(record_.left_out.end(), more.left_out.begin(), more.left_out.end());
  record_.notes.add(more.notes);
  append(piece);
}

void ShardFile::finish(const fs::path& record_path) {
  if (record_.file.count > 0) {
    publish(record_);
  } else {
    record_.file.name.clear();
  }
  write_shard_record(record_path, record_);
}

std::unique_ptr<ShardFile> new_pixel_shard(const fs::path& path, int64_t count, int64_t height, int64_t width) {
  return std::make_unique<PixelShard>(path, count, height, width);
}

std::unique_ptr<ShardFile> new_encoded_shard(const fs::path& path) { return std::make_unique<EncodedShard>(path); }

}  // namespace monge::data
