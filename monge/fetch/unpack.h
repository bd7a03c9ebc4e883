// Takes an archive of unknown honesty apart into a folder.
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
  int64_t spare_bytes = int64_t{256} << 20;          ///< of the disk that stay free
  int64_t strip = 0;                                 ///< leading folders that are taken off the names
  std::function<void(int64_t bytes)> progress = {};  ///< bytes of the archive that have been read
  const std::atomic<bool>* stop = nullptr;           ///< once true, unpacking ends with UnpackStopped
};

/// Thrown where UnpackOptions::stop ends the work. What was unpacked so far stays.
struct UnpackStopped {};

struct Unpacked {
  int64_t files = 0, bytes = 0;
  io::LeftOut links;    ///< symbolic; hard ones whose target was not unpacked before them
  io::LeftOut special;  ///< devices, pipes, sockets
  io::LeftOut unsafe;  ///< absolute, climbing with "..", empty, with control characters, too long for the disk, or ours
  io::LeftOut shallow;      ///< names that UnpackOptions::strip uses up
  io::LeftOut repetitions;  ///< of an earlier name, with the same bytes: nothing is lost
  bool is_zip = false;
  std::string listing;  ///< hash of names, kinds and sizes in their order

  int64_t left_out() const { return links.count + special.count + unsafe.count + shallow.count; }
  /// "3 links (first: a/b), 1 unsafe name (first: ../c)"; empty where nothing was left out or repeated.
  std::string left_out_text() const;
};

/// A name that begins like this is monge's own at the top of a folder of data, and never taken from an archive.
inline constexpr char kFetchMark[] = ".monge-fetch";

/// Unpacks the archive file into `folder`, which is there and best empty. Only files and folders are made, only below
/// `folder` and never through a link; a hard link becomes a file of its own. Modes and times are not taken over. A name
/// that comes again with the same bytes is counted. Memory is bounded by blocks, however large the entries are.
///
/// @throws InputError        naming the archive: missing, of another kind, truncated, damaged, encrypted, beyond the
/// limits,
///                      without any file; naming the entry too: two entries of one name and different bytes, a file
///                      where another entry needs a folder. What was unpacked before stays.
/// @throws SystemError  when the disk is full or would keep less than spare_bytes; UnpackStopped.
Unpacked unpack(const std::filesystem::path& archive, const std::filesystem::path& folder,
                const UnpackOptions& options = {});

/// Gives the next bytes of an archive, at most `room`; 0 at its end.
using ByteReader = std::function<size_t(char* to, size_t room)>;

/// The same for an archive that is read once from beginning to end. Kinds that need their end first (7z, some zip, and
/// a zip whose names outside ASCII are marked as UTF-8) are refused as unreadable. The links of a zip, and what its
/// directory omits, cannot be told without its end: compare `listing` with listing_of(). What follows the archive may
/// be left unread.
/// @param shown  the archive's name in messages.
/// @throws whatever `read` throws; else as above.
Unpacked unpack(const ByteReader& read, const std::string& shown, const std::filesystem::path& folder,
                const UnpackOptions& options = {});

/// Unpacked::listing that unpacking this archive file would give, without decoding entries. @throws as unpack().
std::string listing_of(const std::filesystem::path& archive, const UnpackOptions& options = {});

}  // namespace monge::fetch
