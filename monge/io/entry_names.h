// Reads the names of an archive's entries, independently of the locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct archive;
struct archive_entry;

namespace monge::io {

/// Steps through the entries of an archive and sets the name of each. libarchive converts names to the charset of the
/// locale, so the same archive would have other names elsewhere, or none. This class calls libarchive in the locale "C"
/// of this thread alone. There it returns names as they are stored or, if it would have to convert them, nothing; such
/// names come from the directory of the zip or 7z instead. tar, pax and GNU names are always bytes.
class EntryNames {
 public:
  /// @param archive  the whole file, which must outlive this object. Empty if it is not available (a stream).
  explicit EntryNames(std::string_view archive, std::string shown) : archive_(archive), shown_(std::move(shown)) {}

  /// Like archive_read_next_header, with the entry's name set.
  /// @throws UnreadableArchive when the name is in a directory that is not available or is damaged.
  int next(::archive* reader, ::archive_entry** entry);

 private:
  void complete(::archive* reader, ::archive_entry* entry);
  void read_directory(::archive* reader);

  std::string_view archive_;
  std::string shown_;
  size_t seen_ = 0;
  bool fits_ = true;  ///< whether the directory's names agree with the names that libarchive returns
  std::optional<std::vector<std::string>> names_;  ///< in libarchive's order
};

}  // namespace monge::io
