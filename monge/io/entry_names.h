// Names of an archive's entries, the same in every locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct archive;
struct archive_entry;

namespace monge::io {

/// Steps through the entries of an archive and gives each its name. libarchive converts names to the charset of the
/// locale, so that the same archive would have other names elsewhere, or none. Here it always works in the locale "C"
/// of this thread alone, where it hands out the bytes as they stand or, where it would have to convert, nothing; such
/// names are then taken from the directory of the zip or 7z. tar, pax and GNU names are bytes in any case.
class EntryNames {
 public:
  /// @param archive  the whole file, which must outlive this; empty where it is not at hand: of a stream.
  explicit EntryNames(std::string_view archive, std::string shown) : archive_(archive), shown_(std::move(shown)) {}

  /// As archive_read_next_header, with the entry's name set.
  /// @throws UnreadableArchive  when the name stands in a directory that is not at hand or damaged.
  int next(::archive* reader, ::archive_entry** entry);

 private:
  void complete(::archive* reader, ::archive_entry* entry);
  void read_directory(::archive* reader);

  std::string_view archive_;
  std::string shown_;
  size_t seen_ = 0;
  bool fits_ = true;  ///< whether the directory's names agree with those that libarchive has itself
  std::optional<std::vector<std::string>> names_;  ///< in libarchive's order
};

}  // namespace monge::io
