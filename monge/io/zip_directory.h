// The directory at the end of a zip archive: what each entry is called, where it lies and how it is kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

struct ZipRecord {
  std::string
      name;  ///< UTF-8 where the archive marks it so (bit 11 or the Unicode Path field); else its bytes as they stand
  uint16_t flags = 0;   ///< general purpose bits: 0 is encryption, 11 a UTF-8 name
  uint16_t method = 0;  ///< 0: stored
  uint32_t crc = 0;
  uint64_t packed = 0, size = 0;
  uint64_t header = 0;  ///< where its local header lies
};

struct ZipDirectory {
  std::vector<ZipRecord> records;  ///< in the directory's order
  uint64_t begin = 0;              ///< where the directory lies
};

/// Reads the directory, zip64 too. Entries themselves are not looked at.
/// Source: PKWARE APPNOTE.TXT 6.3; the Unicode Path field (0x7075) is Info-ZIP's, see 4.6.9 there.
///
/// @param file  for messages.
/// @throws InputError  when there is no directory, or a part of it lies outside of the file.
ZipDirectory read_zip_directory(std::string_view archive, const std::string& file);

/// Where the bytes of an entry begin, behind its local header. @throws InputError when there is no local header.
uint64_t zip_entry_begin(std::string_view archive, const ZipRecord& record, const std::string& file);

}  // namespace monge::io
