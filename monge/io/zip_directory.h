// The directory at the end of a zip archive: the name, offset and compression method of each entry.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

struct ZipRecord {
  /// UTF-8 if the archive marks it so (bit 11 or the Unicode Path field), else the stored bytes.
  std::string name;
  uint16_t flags = 0;   ///< general purpose bits: 0 is encryption, 11 a UTF-8 name
  uint16_t method = 0;  ///< 0: stored
  uint32_t crc = 0;
  uint64_t packed = 0, size = 0;
  uint64_t header = 0;  ///< offset of its local header
};

struct ZipDirectory {
  std::vector<ZipRecord> records;  ///< in the directory's order
  uint64_t begin = 0;              ///< offset of the directory
};

/// Reads the directory, also of zip64. The entries themselves are not read.
/// Source: PKWARE APPNOTE.TXT 6.3; the Unicode Path field (0x7075) is Info-ZIP's, see 4.6.9 there.
///
/// @param file  for messages.
/// @throws InputError when there is no directory, or a part of it lies outside the file.
ZipDirectory read_zip_directory(std::string_view archive, const std::string& file);

/// The offset of an entry's bytes, after its local header. @throws InputError when there is no local header.
uint64_t zip_entry_begin(std::string_view archive, const ZipRecord& record, const std::string& file);

}  // namespace monge::io
