// Writes one packed set, shard by shard. Not for other callers than pack().
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/image_collection.h"
#include "monge/data/pack.h"
#include "monge/data/packed_set.h"
#include "monge/data/preparation.h"
#include "monge/data/shard_file.h"
#include "monge/data/shard_record.h"
#include "monge/data/staging_folder.h"

namespace monge::data {

/// Writes one set. Keeps references to `images`, `options` and `log`.
class Packer {
 public:
  /// Called with the number of images that are done since the last call; from worker threads, one call at a time.
  using AddProgress = std::function<void(int64_t images)>;

  /// @param chosen  the images of the set, by their numbers, in its order.
  Packer(const ImageCollection& images, std::vector<int64_t> chosen, std::filesystem::path destination,
         const PackOptions& options, const LogSink& log);

  /// Images that are to be in the set.
  int64_t count() const { return static_cast<int64_t>(chosen_.size()); }

  /// Writes what is missing of the set, and fills `part`.
  /// @return whether the set is complete; false where `stop` was set, or where images cannot be used and the options do
  /// not skip them. `part.left_out` then names them all, after every image was tried.
  /// @throws InputError when the destination holds something else, another process packs there, or no image can be
  /// used; SystemError when the disk fails.
  bool run(const AddProgress& add_progress, const std::atomic<bool>& stop, PackedPart& part);

 private:
  int64_t shards() const { return static_cast<int64_t>(shard_ends_.size()); }
  bool write_shards(const std::filesystem::path& folder, const AddProgress& add_progress, const std::atomic<bool>& stop,
                    PackedPart& part) const;
  bool fits(const ShardRecord& record, int64_t shard) const;
  bool is_fatal(const ShardRecord& record) const;
  int64_t bytes_in_shard(int64_t k) const;
  std::vector<int64_t> cut(int64_t bytes, int64_t least) const;
  std::unique_ptr<ShardFile> new_shard(const std::filesystem::path& path, int64_t most) const;
  std::string shard_name(int64_t shard) const;
  bool is_there(const std::string& inputs) const;
  void fill(int64_t begin, int64_t end, const AddProgress& add_progress, const std::atomic<bool>& stop,
            ShardPiece& out) const;
  void take(int64_t i, std::string& buffer, uint8_t* to, std::string* encoded, int64_t& content,
            io::ImageNotes& notes) const;
  void finish(const StagingFolder& staging, PackedPart& part) const;

  const ImageCollection& images_;
  std::vector<int64_t> chosen_;
  std::filesystem::path destination_;
  const PackOptions& options_;
  Preparation preparation_;
  const LogSink& log_;
  std::vector<int64_t> shard_ends_, piece_ends_;  ///< in chosen images
  int64_t most_in_piece_ = 0;
};

}  // namespace monge::data
