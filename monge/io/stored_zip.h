// Reads zip archives of uncompressed entries, as torch.save writes them. Compressed entries are refused, so nothing can
// unpack to more than the size of the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

struct ZipEntry {
  std::string name;
  std::string_view bytes;  ///< a view of the archive's bytes
};

/// The entries of an archive in the order of its directory; `archive` must outlive them. Reads zip64, too. Source:
/// PKWARE APPNOTE.TXT 6.3.
///
/// @param file  for messages.
/// @throws InputError when a part lies outside the file, entries overlap, a name occurs twice, a checksum is wrong, or
///     an entry is compressed or encrypted.
std::vector<ZipEntry> read_stored_zip(std::string_view archive, const std::string& file);

}  // namespace monge::io
