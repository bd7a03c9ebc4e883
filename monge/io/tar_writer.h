// Writes tar archives.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace monge::io {

/// Writes an archive entry by entry, in the format of POSIX.1-2001 (pax). A name that is ASCII and has at most 100
/// bytes is in the entry's own header, which every tar program reads. Any other name is in a pax header before it: as
/// UTF-8, which Windows and every locale decode correctly, or, if it is not UTF-8, as bytes with hdrcharset=BINARY. The
/// same entries give the same bytes: times are fixed.
class TarWriter {
 public:
  /// Receives the archive's bytes in order. Its exceptions pass through add() and finish().
  using Sink = std::function<void(std::string_view bytes)>;

  explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

  void add(std::string_view name, std::string_view bytes);

  /// Writes the two empty blocks that end the archive.
  void finish();

 private:
  void write_padded(std::string_view bytes);

  Sink sink_;
};

}  // namespace monge::io
