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

/// Whether the name ends in .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .tar.zst or .7z, in either case.
bool has_archive_extension(const std::filesystem::path& path);

/// The regular files of an archive in its order, all in memory; the kind is told by content. Folders, links and
/// devices, and entries whose names are absolute or climb with "..", are left out. Of entries with one name ("./a" and "a"
/// are one) and the same bytes the first is taken.
/// @param wanted  entries whose names it refuses are skipped without unpacking; empty: all are taken.
/// @param unsafe  told how many regular files were left out for their names, whatever `wanted` says; unless null.
/// @param duplicates  told how many wanted entries repeat an earlier one; unless null.
/// @throws Error naming the archive: missing, of another kind, truncated, damaged, encrypted, or beyond the limits; and
///               naming the entry when two of one name differ.
std::vector<ArchiveEntry> read_archive(const std::filesystem::path& path,
                                       const std::function<bool(const std::string& name)>& wanted = {},
                                       const ArchiveLimits& limits = {}, int64_t* unsafe = nullptr,
                                       int64_t* duplicates = nullptr);

/// Writes .zip (stored, for pictures are compressed already), .tar, .tar.gz or .tgz entry by entry; little is held in
/// memory. The archive appears under its name whole, with finish(), or not at all. The same entries give the same bytes:
/// times are fixed.
class ArchiveWriter {
 public:
  /// @throws Error for another extension; SystemError when the file cannot be made.
  explicit ArchiveWriter(const std::filesystem::path& path, const Files& files = real_files());
  /// Without finish() nothing is left.
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  /// @throws Error for an unsafe name; SystemError when writing fails.
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
