// Prepares a set of images once and stores it as a packed set, so that each later training starts at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/image_options.h"
#include "monge/data/preparation.h"
#include "monge/data/selection.h"

namespace monge::data {

struct PackOptions {
  PreparationOptions preparation = {};   ///< range may be "auto": measured over all chosen images
  bool encoded = false;                  ///< keep the files unchanged, in tar shards; `preparation` is then ignored
  bool convert = true;                   ///< convert CMYK, 16-bit and palette images; false: they cannot be used
  std::string on_error = "fail";         ///< what to do with images that cannot be used, see on_error_names
  std::vector<std::string> select = {};  ///< see select_by_attribute; an image must match all rules
  std::vector<SplitPart> split = {};     ///< empty: one set; else one set per part, in a folder of DST named after it
  std::string split_by = "name";         ///< name, order; see assign_to_splits
  /// Approximate size of a shard, or a 1,024th of the set if that is more. A kill can cost the work on one shard.
  int64_t shard_bytes = int64_t{64} << 20;

  /// @throws InputError for an unknown word.
  OnError when_unusable() const { return on_error_names().at(on_error, "on_error"); }
};

/// One set that was written.
struct PackedPart {
  std::filesystem::path folder;
  int64_t images = 0;                 ///< in it
  int64_t bytes = 0;                  ///< of its files
  int64_t shards = 0, resumed = 0;    ///< shards of the set, and those that an interrupted packing had written
  bool was_there = false;             ///< the whole set existed already, of the same images and options
  std::vector<std::string> left_out;  ///< images that cannot be used, with reasons
  io::NoteCounts notes;               ///< notes on the images that this or an earlier, interrupted packing prepared
};

struct PackResult {
  std::vector<PackedPart> parts;
  int64_t found = 0, selected = 0;  ///< images in the source, and those that options.select takes
  bool complete = true;             ///< false when `stop` ended it; the same call resumes it
};

/// Packs `source` (see open_image_collection) into the packed set `destination`, on all cores.
///
/// The work is done in DESTINATION.part, shard by shard. Each shard is durable when it is done, and the folder gets its
/// final name at the end, so the set is there completely or not at all. After a kill, the same call resumes with the
/// first missing shard and makes the same bytes. An unfinished set of other images or options is discarded; names,
/// sizes and times decide this, not content. A finished set of the same images and options is left alone. The set is a
/// function of the images and options; the number of cores has no influence.
///
/// @param progress  called with (done, total) images; from worker threads, one call at a time.
/// @param stop  is checked between images.
/// @throws InputError as open_image_collection; a bad option; a destination that holds something else; another process
///     that packs there; with on_error = "fail" images that cannot be used: all of them (up to 1,000) with reasons,
///     after all were tried.
/// @throws SystemError when the disk is full.
PackResult pack(const std::filesystem::path& source, const std::filesystem::path& destination,
                const PackOptions& options, const LogSink& log, const std::function<void(int64_t, int64_t)>& progress,
                const std::atomic<bool>& stop);

}  // namespace monge::data
