// Packed sets of images: pack() writes them once, and opening them is fast. The format is described in docs/formats.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monge/data/image_collection.h"

namespace monge::data {

/// Files and keys of a packed set. Version 1:
///
///     manifest.json      the description of the set, see PackedManifest
///     pixels-00000.npy   uint8 [n, H, W, 3], RGB, ...
///     or encoded-00000.tar, the files as they were, with places.npy int64 [N, 3]: shard, offset, bytes
///     names.txt          one name per line, in the order of the images; %0A, %0D and %25 stand for line ends and '%'
///     content.npy        int64 [N]: the XXH3 hash of the file that each image was made from
struct PackedManifest {
  struct File {
    std::string name;
    int64_t count = 0;  ///< images in it; 0 for files that hold none
    int64_t bytes = 0;
    std::string xxh3;
  };

  int64_t count = 0;                ///< images
  bool encoded = false;             ///< else pixels
  int64_t height = 0, width = 0;    ///< of pixels
  bool grey = false;                ///< all are made of grey files, or of the luma; false if the set does not say
  std::vector<File> shards, files;  ///< shards in the order of the images; files names, content, places
};

/// Whether `path` is a folder with the manifest of a packed set.
bool is_packed_set(const std::filesystem::path& path);

/// Reads the manifest. @throws InputError naming the file: no packed set, another version, an inconsistent manifest.
PackedManifest read_packed_manifest(const std::filesystem::path& folder);

/// Opens the images of a packed set. It reads the manifest and compares sizes, nothing more. Pixels are read from the
/// files when they are needed, so they occupy the system's cache, not the memory of this process.
/// @throws InputError as read_packed_manifest, or when a file is missing or of another size.
std::shared_ptr<const ImageCollection> open_packed_set(const std::filesystem::path& folder);

/// Reads every file of the set on all cores and compares hashes.
/// @param progress  called with (bytes, all bytes); from worker threads, one call at a time.
/// @param stop  is checked throughout; once true, the result covers only a part of the files.
/// @return one line for each damaged file.
std::vector<std::string> verify_packed_set(const std::filesystem::path& folder,
                                           const std::function<void(int64_t, int64_t)>& progress = {},
                                           const std::atomic<bool>& stop = std::atomic<bool>(false));

/// Encodes a name as a line of names.txt, and decodes it.
std::string packed_name_line(std::string_view name);
std::string packed_name_of_line(std::string_view line);

inline constexpr const char* kPackedFormat = "monge packed pictures";
inline constexpr int64_t kPackedVersion = 1;

}  // namespace monge::data
