// Unpacks an untrusted archive into a folder.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "monge/io/archive.h"

namespace monge::fetch {

struct UnpackOptions {
  io::ArchiveLimits limits{.most_bytes = int64_t{256} << 30, .most_entry_bytes = int64_t{64} << 30};
  int64_t spare_bytes = int64_t{256} << 20;          ///< free space to leave on the disk
  int64_t strip = 0;                                 ///< number of leading folders to remove from the names
  std::function<void(int64_t bytes)> progress = {};  ///< called with the bytes of the archive read so far
  const std::atomic<bool>* stop = nullptr;           ///< once true, unpacking ends with UnpackStopped
};

/// Thrown when UnpackOptions::stop ends the work. What was unpacked so far is kept.
struct UnpackStopped {};

struct Unpacked {
  int64_t files = 0, bytes = 0;
  io::LeftOut links;        ///< symbolic links; hard links whose target was not unpacked before them
  io::LeftOut special;      ///< devices, pipes, sockets
  io::LeftOut unsafe;       ///< names that are absolute, empty, too long, with "..", with control characters, or ours
  io::LeftOut shallow;      ///< names of which UnpackOptions::strip leaves nothing
  io::LeftOut repetitions;  ///< entries with the name and the bytes of an earlier one
  bool is_zip = false;
  std::string listing;  ///< hash of names, kinds and sizes, in order

  int64_t left_out() const { return links.count + special.count + unsafe.count + shallow.count; }
  /// "3 links (first: a/b), 1 unsafe name (first: ../c)"; empty if nothing was left out or repeated.
  std::string left_out_text() const;
};

/// Names with this beginning at the top of a data folder are monge's own, and are never taken from an archive.
inline constexpr char kFetchMark[] = ".monge-fetch";

/// Unpacks the archive file into `folder`, which exists and should be empty. Makes only files and folders, only below
/// `folder` and never through a link; a hard link becomes a separate file. Modes and times are not preserved. A
/// repeated name with the same bytes is counted. The memory is bounded, however large the entries are.
///
/// @throws InputError naming the archive: missing, of another kind, truncated, damaged, encrypted, beyond the limits,
///     without any file; naming the entry too: two entries of one name and different bytes, a file where another entry
///     needs a folder. What was unpacked before is kept.
/// @throws SystemError when the disk is full or would keep less than spare_bytes; UnpackStopped.
Unpacked unpack(const std::filesystem::path& archive, const std::filesystem::path& folder,
                const UnpackOptions& options = {});

/// Returns the next bytes of an archive, at most `room`; 0 at its end.
using ByteReader = std::function<size_t(char* to, size_t room)>;

/// The same for an archive that is read once from beginning to end. Kinds that need their end first (7z, some zip, and
/// a zip whose names outside ASCII are marked as UTF-8) are refused as unreadable. The links of a zip, and the entries
/// that its directory omits, are not known without its end, and the checksums of gzip, bzip2, xz and zstd are not all
/// compared: compare `listing` with listing_of() afterwards. Bytes after the archive may remain unread.
/// @param shown  the archive's name in messages.
/// @throws whatever `read` throws; else as above.
Unpacked unpack(const ByteReader& read, const std::string& shown, const std::filesystem::path& folder,
                const UnpackOptions& options = {});

/// The Unpacked::listing that unpacking this archive file would give, without decoding entries. What is compressed as a
/// whole is decompressed to its end, and its checksums are compared. @throws as unpack().
std::string listing_of(const std::filesystem::path& archive, const UnpackOptions& options = {});

}  // namespace monge::fetch
