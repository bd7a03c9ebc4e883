// Zip archives whose entries are stored as they are, as torch.save writes them. What is compressed is refused: there is
// nothing that could unpack to more than the file has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

struct ZipEntry {
  std::string name;
  std::string_view bytes;  ///< a part of the archive's bytes
};

/// The entries of an archive in the order of its directory; `archive` must outlive them. Reads zip64, too.
/// Source: PKWARE APPNOTE.TXT 6.3.
///
/// @param file  for messages.
/// @throws InputError  when a part lies outside of the file, entries overlap, a name comes twice, a checksum is wrong,
/// or an
///                entry is compressed or encrypted.
std::vector<ZipEntry> read_stored_zip(std::string_view archive, const std::string& file);

}  // namespace monge::io
