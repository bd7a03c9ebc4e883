// Finds the offsets of an archive's entries, so that they can be read in any order and none is held in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/mapped_file.h"
#include "monge/io/archive.h"

namespace monge::io {

/// An entry whose bytes lie uncompressed and in one piece in the archive.
struct StoredEntry {
  std::string name;  ///< as in ArchiveEntry
  int64_t offset = 0, size = 0;
  std::optional<uint32_t> crc =
      {};  ///< the CRC-32 that a zip states of the bytes, which index_archive does not compare
};

/// The wanted entries of an uncompressed tar, or of a zip that stores them, in the archive's order. It leaves out and
/// refuses the same entries as read_archive. `limits.most_bytes` has no effect, as nothing is unpacked.
/// @return nothing if an entry's bytes do not lie in the file as they are (a compressed archive); use read_archive
///     there.
/// @throws InputError as read_archive. An entry that the archive's end cuts short is refused here, and not when it is
///     read.
std::optional<std::vector<StoredEntry>> index_archive(const MappedFile& archive,
                                                      const std::function<bool(const std::string& name)>& wanted = {},
                                                      const ArchiveLimits& limits = {},
                                                      ArchiveReport* report = nullptr);

}  // namespace monge::io
