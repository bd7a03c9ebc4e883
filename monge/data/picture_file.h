// The pictures of a folder or an archive, before they are decoded.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/io/image.h"

namespace monge::data {

/// A picture not decoded yet: its bytes out of an archive, or else a file.
struct PictureFile {
  std::string name;            ///< the whole path; for an archive's, that of the archive, '/', and the entry's
  std::filesystem::path path;  ///< empty for pictures out of an archive
  std::string bytes;           ///< empty for files

  /// uint8 [H, W, 1..4]. @throws Error naming the picture. Thread-safe.
  torch::Tensor decode(io::Conversion& conversion) const;

  /// Its name inside `whole`, the folder or archive that was listed: "a/smile.png"; the file's own name where that is
  /// it.
  std::string name_within(const std::filesystem::path& whole) const;
};

/// All pictures under `path`, in the order of their names.
/// @param path  a folder, searched recursively for .png .jpg .jpeg .webp in either case, hidden names skipped; an
/// archive
///              (see io::has_archive_extension), whose compressed bytes are held in memory; or one picture.
/// @param log   warned of an archive's entries with unsafe names, and of a folder's pictures of kinds that are not
/// read.
/// @throws Error  no such path, a folder that cannot be listed, a damaged archive, or nothing found in it.
std::vector<PictureFile> list_pictures(const std::filesystem::path& path, const LogSink& log);

}  // namespace monge::data
