// Shared by all readers of archives: libarchive, set up for the supported kinds, and the names of entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/io/archive.h"

struct archive;
struct archive_entry;

namespace monge::io {

/// Where the bytes of a compressed archive come from, and the failure of that if it ended the reading.
struct ArchiveInput;

struct FreeArchiveReader {
  void operator()(::archive* reader) const;
  std::shared_ptr<ArchiveInput> input = {};  ///< of a file compressed as a whole; else null
};
using ArchiveReader = std::unique_ptr<::archive, FreeArchiveReader>;

/// Thrown for a fault of the archive itself: another kind of file, truncated, damaged.
class UnreadableArchive : public InputError {
 public:
  using InputError::InputError;
};

/// A reader for tar (plain, gzip, bzip2, xz, zstd), zip and 7z, with no archive opened yet.
ArchiveReader new_archive_reader();

/// Opens a file, in which libarchive can seek.
/// @param block  the bytes of one read; at least as many are read after every seek.
/// @throws InputError naming the file: missing, a folder; UnreadableArchive: empty, of another kind.
ArchiveReader open_archive(const std::filesystem::path& path, size_t block = size_t{1} << 18);

/// Reads what follows the last entry of a compressed archive, so that all of its checksums are compared. Call it at the
/// end of the entries. @throws UnreadableArchive when one is wrong.
void finish_archive(const ArchiveReader& reader);

/// Throws the failure by which the input of a compressed archive ended the reading, if there is one.
void rethrow_input_failure(const ArchiveReader& reader);

/// The bytes of the file that were read so far.
int64_t archive_bytes_read(const ArchiveReader& reader);

/// @throws UnreadableArchive with libarchive's reason. @param shown  the archive's name for the message.
[[noreturn]] void refuse_archive(const std::string& shown, ::archive* reader);

/// The name as bytes, of an entry that EntryNames returned.
std::string entry_name(::archive_entry* entry);

/// The target of a hard link, as the name of another entry. Empty: the entry is no hard link, or it has bytes of its
/// own.
std::string hard_link_target(::archive_entry* entry);

/// Whether the entry is a regular file with bytes of its own.
bool is_plain_entry(::archive_entry* entry);

/// Counts an entry that is left out.
void count(LeftOut& kind, const std::string& name);

/// Counts a link or device that is left out. Folders are not counted: the names of their files imply them.
void count_special_entry(::archive_entry* entry, const std::string& name, ArchiveReport& report);

/// @throws InputError: two entries have one name and different bytes.
[[noreturn]] void refuse_duplicate(const std::filesystem::path& path, const std::string& name);

/// The parts of a name between its slashes, without "." and empty ones: "./a//b" and "a/b" name the same file.
std::vector<std::string> name_parts(const std::string& name);

/// The normal form by which names are compared: the parts joined by single slashes.
std::string plain_name(const std::string& name);

}  // namespace monge::io
