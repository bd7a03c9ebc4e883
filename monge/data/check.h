// Checks a set of images before training.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/log.h"
#include "monge/io/image.h"

namespace monge::data {

/// The result of check_images. Names are those inside the set.
struct ImageReport {
  using Count = std::map<int64_t, int64_t>;  ///< how many images have a value

  std::string name;
  int64_t images = 0;  ///< number of images, usable or not
  int64_t bytes = 0;   ///< of their files
  Count widths, heights;
  Count channels;                                               ///< 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA, as decoded
  std::vector<std::string> corrupt;                             ///< cannot be decoded: path and reason
  std::vector<std::pair<std::string, std::string>> duplicates;  ///< a file, and the first one with the same bytes
  std::vector<std::string> near_empty;                          ///< of nearly one colour, see kNearEmpty
  std::vector<std::pair<std::string, io::Conversion>> converted;
  std::vector<std::pair<std::string, int>> oriented;        ///< EXIF orientation other than 1, and its value
  std::vector<std::string> without_end;                     ///< PNG whose last chunk, IEND, is missing
  std::vector<std::string> several_pages;                   ///< TIFF of several images
  io::NoteCounts notes;                                     ///< of all images that can be decoded
  std::vector<std::pair<std::string, std::string>> leaked;  ///< a file, and one of the other set with the same bytes
  int64_t against = 0;                                      ///< images of the other set
  std::vector<std::string> unread;   ///< images of the other set that cannot be read and so were not compared
  std::vector<std::string> damaged;  ///< files of a packed set whose hash differs from its manifest
  bool complete = true;              ///< false when `stop` ended it

  /// Whether the set must not be used for training.
  bool bad() const { return !corrupt.empty() || !leaked.empty() || !damaged.empty() || !unread.empty(); }
};

/// An image is near-empty when the standard deviation of each of its channels, laid over white, is below this (of 255).
inline constexpr double kNearEmpty = 2;

/// Decodes every image of `path` (see open_image_collection) on all cores. It keeps some bytes per image, and the names
/// of unusual ones.
/// @param against  a second set, or empty. Images that are in both, byte by byte, are reported as leaks.
/// @param progress  called with (done, total) images; from worker threads, one call at a time.
/// @throws InputError as open_image_collection.
ImageReport check_images(const std::filesystem::path& path, const std::filesystem::path& against, const LogSink& log,
                         const std::function<void(int64_t, int64_t)>& progress, const std::atomic<bool>& stop);

}  // namespace monge::data
