// Archives of files: read tar (plain, gzip, bzip2, xz, zstd), zip and 7z; write tar and zip.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/files.h"

namespace monge::io {

struct ArchiveEntry {
  std::string name;  ///< path inside the archive, with '/'; never absolute, never with ".."
  std::string bytes;
};

struct ArchiveLimits {
  int64_t most_entries = 20'000'000;            ///< entries looked at
  int64_t most_bytes = int64_t{64} << 30;       ///< unpacked bytes in all
  int64_t most_entry_bytes = int64_t{4} << 30;  ///< unpacked bytes of one entry
};

/// Entries of one kind that were not taken.
struct LeftOut {
  int64_t count = 0;
  std::string first = {};  ///< name of the first, fit for a message
};

/// What was not taken of an archive.
struct ArchiveReport {
  LeftOut
      unsafe;     ///< regular files with names that are absolute, climb with "..", or are empty; whatever `wanted` says
  LeftOut links;  ///< symbolic links; hard links to what is no entry of this archive
  LeftOut special;      ///< devices, pipes, sockets
  LeftOut repetitions;  ///< wanted entries that repeat an earlier name with the same bytes
};

/// Whether the name ends in .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .tar.zst or .7z, in either case.
bool has_archive_extension(const std::filesystem::path& path);

/// The regular files of an archive in its order, all in memory; the kind is told by content. A hard link is the file
/// that it leads to under another name. Folders, symbolic links and devices, and entries whose names are absolute or
/// climb with "..", are left out. Of entries with one name ("./a" and "a" are one) and the same bytes the first is
/// taken.
///
/// Names are UTF-8 where the archive says what they are (zip with the UTF-8 flag or the Unicode Path field, 7z, pax),
/// else the bytes that stand in it; the locale does not matter.
/// @param wanted  entries whose names it refuses are skipped without unpacking; empty: all are taken.
/// @param report  told what was left out; unless null.
/// @throws InputError naming the archive: missing, of another kind, truncated, damaged, encrypted, or beyond the
/// limits; and
///               naming the entry when two of one name differ.
std::vector<ArchiveEntry> read_archive(const std::filesystem::path& path,
                                       const std::function<bool(const std::string& name)>& wanted = {},
                                       const ArchiveLimits& limits = {}, ArchiveReport* report = nullptr);

/// Writes .zip (stored, for images are compressed already), .tar, .tar.gz or .tgz entry by entry; little is held in
/// memory. The archive appears under its name whole, with finish(), or not at all. The same entries give the same
/// bytes: times are fixed. Names that are UTF-8 are marked as such, see ZipWriter and TarWriter.
class ArchiveWriter {
 public:
  /// @throws InputError for another extension; SystemError when the file cannot be made.
  explicit ArchiveWriter(const std::filesystem::path& path, const Files& files = real_files());
  /// Without finish() nothing is left.
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  /// @throws InputError for an unsafe name; SystemError when writing fails.
  void add(const std::string& name, std::string_view bytes);

  /// Ends the archive and publishes it in one durable step. Nothing can be added afterwards.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// An ArchiveWriter for entries that are all there.
void write_archive(const std::filesystem::path& path, const std::vector<ArchiveEntry>& entries,
                   const Files& files = real_files());

}  // namespace monge::io
