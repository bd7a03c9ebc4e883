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
  int64_t most_entries = 20'000'000;            ///< entries that are examined
  int64_t most_bytes = int64_t{64} << 30;       ///< unpacked bytes of all entries
  int64_t most_entry_bytes = int64_t{4} << 30;  ///< unpacked bytes of one entry
};

/// Entries of one kind that were left out.
struct LeftOut {
  int64_t count = 0;
  std::string first = {};  ///< name of the first one, in its form for a message
};

/// What was left out of an archive.
struct ArchiveReport {
  /// Regular files whose names are absolute, climb with "..", or are empty, whatever `wanted` says.
  LeftOut unsafe;
  LeftOut links;        ///< symbolic links, and hard links to names that are no entry of this archive
  LeftOut special;      ///< devices, pipes, sockets
  LeftOut repetitions;  ///< wanted entries that repeat an earlier name with the same bytes
};

/// Whether the name ends in .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .tar.zst or .7z, in either case.
bool has_archive_extension(const std::filesystem::path& path);

/// The regular files of an archive in its order, all in memory. The content decides the kind of archive. A hard link
/// becomes a second entry with the bytes of its target. Folders, symbolic links, devices, and entries whose names are
/// absolute or climb with ".." are left out. If several entries have one name ("./a" and "a" are one) and the same
/// bytes, the first is taken.
///
/// Names are UTF-8 where the archive declares their encoding (zip with the UTF-8 flag or the Unicode Path field, 7z,
/// pax); otherwise they are the bytes in the archive. The locale has no effect.
/// @param wanted  returns false for names to skip; these entries are not unpacked. Empty: all entries are taken.
/// @param report  receives what was left out, unless null.
/// @throws InputError naming the archive: missing, of another kind, truncated, damaged, encrypted, or beyond the
///     limits; and naming the entry when two entries of one name differ.
std::vector<ArchiveEntry> read_archive(const std::filesystem::path& path,
                                       const std::function<bool(const std::string& name)>& wanted = {},
                                       const ArchiveLimits& limits = {}, ArchiveReport* report = nullptr);

/// Writes .zip (stored, because images are compressed already), .tar, .tar.gz or .tgz entry by entry, with little in
/// memory. The archive appears under its name whole, by finish(), or not at all. The same entries give the same bytes:
/// times are fixed. Names in UTF-8 are marked as such, see ZipWriter and TarWriter.
class ArchiveWriter {
 public:
  /// @throws InputError for another extension; SystemError when the file cannot be created.
  explicit ArchiveWriter(const std::filesystem::path& path, const Files& files = real_files());
  /// Removes the unfinished file unless finish() was called.
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

/// Writes an archive from entries in memory, with an ArchiveWriter.
void write_archive(const std::filesystem::path& path, const std::vector<ArchiveEntry>& entries,
                   const Files& files = real_files());

}  // namespace monge::io
