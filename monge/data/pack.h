// Prepares images once, so that every training after it begins at once: any set of images becomes a packed set.
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
  PreparationOptions preparation = {};  ///< range may be "auto": measured over all chosen images
  bool encoded = false;           ///< keep the files as they are, in tar shards; preparation is then not looked at
  bool convert = true;            ///< take CMYK, 16-bit and palette images, converted; false: they cannot be used
  std::string on_error = "fail";  ///< what to do with images that cannot be used, see on_error_names
  std::vector<std::string> select = {};  ///< see select_by_attribute; an image must fit all
  std::vector<SplitPart> split = {};     ///< empty: one set; else a set each, in a folder of DST named after the part
  std::string split_by = "name";         ///< name, order; see deal
  int64_t shard_bytes =
      int64_t{64} << 20;  ///< in a shard, about, or a 1,024th of the set; the work that a kill can cost

  /// @throws InputError for an unknown word.
  OnError when_unusable() const { return on_error_names().at(on_error, "on_error"); }
};

/// One set that was written.
struct PackedPart {
  std::filesystem::path folder;
  int64_t images = 0;                 ///< in it
  int64_t bytes = 0;                  ///< of its files
  int64_t shards = 0, resumed = 0;    ///< of these were there from a packing that was ended before
  bool was_there = false;             ///< the whole set was, of the same images and options
  std::vector<std::string> left_out;  ///< images that cannot be used, with reasons
  io::NoteCounts notes;               ///< of the images that were prepared now or by a packing that was ended before
};

struct PackResult {
  std::vector<PackedPart> parts;
  int64_t found = 0, selected = 0;  ///< images in the source, and of these what options.select takes
  bool complete = true;             ///< false when `stop` ended it; the same call goes on
};

/// Packs `source` (see open_image_collection) into the packed set `destination`, on all cores.
///
/// Work goes to DESTINATION.part shard by shard, each durable when it is done, and is given its name at the end: the
/// set is there whole or not at all. After a kill the same call goes on with the first shard that is missing and makes
/// the same bytes. A part of other images or options is thrown away; whether they are others is told by names, sizes
/// and times, not by content. What is there already, of the same images and options, is left alone. The set is a
/// function of the images and options: the number of cores changes nothing.
///
/// @param progress  called with (done, total) images; from worker threads, one call at a time.
/// @param stop      looked at between images.
/// @throws InputError  as open_image_collection; a bad option; a destination that holds something else; another process
/// that packs there; with
///                on_error = "fail" images that cannot be used: all of them (up to 1,000) with reasons, after all were
///                tried.
///         SystemError when the disk is full.
PackResult pack(const std::filesystem::path& source, const std::filesystem::path& destination,
                const PackOptions& options, const LogSink& log, const std::function<void(int64_t, int64_t)>& progress,
                const std::atomic<bool>& stop);

}  // namespace monge::data
