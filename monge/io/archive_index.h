// Where the entries of an archive lie in it, so that they can be read in any order and none is held in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/mapped_file.h"
#include "monge/io/archive.h"

namespace monge::io {

/// An entry whose bytes stand in the archive as they are.
struct StoredEntry {
  std::string name;  ///< as ArchiveEntry's
  int64_t offset = 0, size = 0;
};

/// The wanted entries of a plain tar, or of a zip that stores them, in the archive's order. What is left out, and what
/// is refused, as read_archive does; `limits.most_bytes` does not count, as nothing is unpacked.
/// @return  nothing where an entry's bytes do not stand there as they are (a compressed archive): read_archive gives
/// them.
/// @throws InputError as read_archive. An entry that the archive's end cuts short is refused here and not when it is
/// read.
std::optional<std::vector<StoredEntry>> index_archive(const MappedFile& archive,
                                                      const std::function<bool(const std::string& name)>& wanted = {},
                                                      const ArchiveLimits& limits = {},
                                                      ArchiveReport* report = nullptr);

}  // namespace monge::io
