// A shard of a packed set during writing, piece by piece. Not for other callers.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/data/shard_record.h"
#include "monge/io/archive.h"

namespace monge::data {

/// Some images of a shard, ready to be written.
struct ShardPiece {
  ShardRecord record;                          ///< the record of this piece; file.count of its images can be used
  torch::Tensor pixels;                        ///< uint8, the first file.count rows are the images [H, W, 3]
  std::vector<io::ArchiveEntry> encoded = {};  ///< for encoded shards, instead of pixels
};

/// Receives the pieces in order and leaves the shard, durable, under its name; or nothing.
class ShardFile {
 public:
  virtual ~ShardFile() = default;

  void add(const ShardPiece& piece);

  /// Publishes the shard and writes its record to `record_path`. If none of its images can be used, it writes only the
  /// record.
  void finish(const std::filesystem::path& record_path);

 protected:
  virtual void append(const ShardPiece& piece) = 0;
  /// Publishes the shard and sets bytes, hash and places of the record.
  virtual void publish(ShardRecord& record) = 0;

 private:
  ShardRecord record_;
};

/// A .npy file for at most `count` images.
std::unique_ptr<ShardFile> new_pixel_shard(const std::filesystem::path& path, int64_t count, int64_t height,
                                           int64_t width);

/// A tar file.
std::unique_ptr<ShardFile> new_encoded_shard(const std::filesystem::path& path);

}  // namespace monge::data
