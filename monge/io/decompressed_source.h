// The content of a compressed archive, whose checksums are compared up to the last one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace monge::io {

/// A file that is compressed as a whole by gzip, bzip2, xz or zstd. libarchive could read it by itself. But it does not
/// compare the checksum of gzip, and it stops at the end of a tar, before the checksum of the others may have come.
class DecompressedSource {
 public:
  virtual ~DecompressedSource() = default;

  /// The next bytes, valid until the next call; empty at the end.
  /// @throws UnreadableArchive naming the file: damaged, cut short, a wrong checksum; SystemError when reading fails.
  virtual std::string_view next() = 0;

  /// The bytes of the file that were read so far.
  virtual int64_t bytes_read() const = 0;

  /// Reads what follows the end of the archive, for the checksum.
  /// @throws as next(); InputError when more follows than padding could be.
  void read_to_end(const std::filesystem::path& path);
};

/// Opens a compressed file. @return null if it does not begin as one. @param block  the bytes of one read.
std::unique_ptr<DecompressedSource> open_decompressed(const std::filesystem::path& path, size_t block);

}  // namespace monge::io
