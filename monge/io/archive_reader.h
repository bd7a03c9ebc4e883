// What all readers of archives share: libarchive with the kinds that are read, and its entries' names.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/io/archive.h"

struct archive;
struct archive_entry;

namespace monge::io {

struct FreeArchiveReader {
  void operator()(::archive* reader) const;
};
using ArchiveReader = std::unique_ptr<::archive, FreeArchiveReader>;

/// The archive itself is at fault: another kind of file, truncated, damaged.
class UnreadableArchive : public InputError {
 public:
  using InputError::InputError;
};

/// Reads tar (plain, gzip, bzip2, xz, zstd), zip and 7z; nothing is opened yet.
ArchiveReader new_archive_reader();

/// Opens a file, in which libarchive can seek. @param block  bytes that are read at a time, after every seek at least.
/// @throws InputError naming it: missing, a folder; UnreadableArchive: empty, of another kind.
ArchiveReader open_archive(const std::filesystem::path& path, size_t block = size_t{1} << 18);

/// @throws UnreadableArchive with libarchive's reason. @param shown  the archive's name for the message.
[[noreturn]] void refuse_archive(const std::string& shown, ::archive* reader);

/// The name as bytes; of an entry that EntryNames gave.
std::string entry_name(::archive_entry* entry);

/// What a hard link leads to, as the name of another entry; empty: it is none, or it has bytes of its own.
std::string hard_link_target(::archive_entry* entry);

/// Whether it is a regular file with bytes of its own.
bool is_plain_entry(::archive_entry* entry);

/// Counts an entry that is left out.
void count(LeftOut& kind, const std::string& name);

/// Counts a link or device that is left out; not a folder, which is made by the names of what is in it.
void count_odd_entry(::archive_entry* entry, const std::string& name, ArchiveReport& report);

/// @throws InputError: two entries of one name and different bytes.
[[noreturn]] void refuse_double(const std::filesystem::path& path, const std::string& name);

/// The parts of a name between its slashes, without "." and empty ones: "./a//b" and "a/b" are the same file.
std::vector<std::string> name_parts(const std::string& name);

/// The name by which entries are compared: its parts with a slash between them.
std::string plain_name(const std::string& name);

}  // namespace monge::io
