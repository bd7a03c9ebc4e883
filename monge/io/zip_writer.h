// Writes zip archives of uncompressed entries.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace monge::io {

/// Writes an archive entry by entry. A name in UTF-8 is marked as such (APPNOTE.TXT 4.4.4, bit 11), so that Python,
/// Windows and Info-ZIP read it in the same way in every locale; any other name is written as bytes without the mark.
/// Sizes, offsets and counts beyond the old format's fields are written as zip64. The same entries give the same bytes:
/// times are fixed.
class ZipWriter {
 public:
  /// Receives the archive's bytes in order. Its exceptions pass through add() and finish().
  using Sink = std::function<void(std::string_view bytes)>;

  /// @param alignment  the bytes of every entry begin at a multiple of it; 1: no alignment.
  explicit ZipWriter(Sink sink, uint64_t alignment = 1);

  /// @throws InputError for a name of more than 65,535 bytes.
  void add(std::string_view name, std::string_view bytes);

  /// Writes the directory, which ends the archive. Entries added afterwards begin a new archive.
  void finish();

 private:
  void write(std::string_view bytes);

  Sink sink_;
  const uint64_t alignment_;
  uint64_t written_ = 0, entries_ = 0;
  std::string directory_;
};

/// A ZipWriter into memory, with entries aligned to 64 bytes as by torch.save.
class StoredZipWriter {
 public:
  StoredZipWriter() = default;
  StoredZipWriter(const StoredZipWriter&) = delete;
  StoredZipWriter& operator=(const StoredZipWriter&) = delete;

  void add(std::string_view name, std::string_view bytes) { writer_.add(name, bytes); }
  /// The whole archive; the writer is empty afterwards.
  std::string finish();

 private:
  std::string archive_;
  ZipWriter writer_{[this](std::string_view bytes) { archive_.append(bytes); }, 64};
};

}  // namespace monge::io
