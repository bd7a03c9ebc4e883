// Writes zip archives whose entries are stored as they are.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace monge::io {

/// Writes an archive entry by entry. A name that is UTF-8 is marked as such (APPNOTE.TXT 4.4.4, bit 11), so that
/// Python, Windows and Info-ZIP read it alike in every locale; any other name is written by its bytes without the mark.
/// Sizes, places and counts beyond the old format's fields are written as zip64. The same entries give the same bytes:
/// times are fixed.
class ZipWriter {
 public:
  /// Takes the archive's bytes in their order. What it throws passes through add() and finish().
  using Sink = std::function<void(std::string_view bytes)>;

  /// @param alignment  the bytes of every entry begin at a multiple of it; 1: anywhere.
  explicit ZipWriter(Sink sink, uint64_t alignment = 1);

  /// @throws InputError for a name of more than 65,535 bytes.
  void add(std::string_view name, std::string_view bytes);

  /// Writes the directory, which ends the archive. What is added afterwards begins a new one.
  void finish();

 private:
  void write(std::string_view bytes);

  Sink sink_;
  const uint64_t alignment_;
  uint64_t written_ = 0, entries_ = 0;
  std::string directory_;
};

/// A ZipWriter into memory, aligned to 64 bytes as torch.save does.
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
