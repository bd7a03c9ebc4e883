// Between the files that read archives by libarchive: how one is opened, and which of its entries are taken. Not for other
// callers.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <memory>
#include <string>

namespace monge::io {

using ArchiveReader = std::unique_ptr<::archive, decltype(&archive_read_free)>;

/// For tar, zip and 7z with any of the compressions, told by content; not opened yet.
ArchiveReader new_archive_reader();

/// The name as bytes; empty where libarchive cannot give it.
std::string entry_name(::archive_entry* entry);

/// Whether it is a regular file and no link to another.
bool is_plain_entry(::archive_entry* entry);

/// @throws Error: the archive cannot be read, with libarchive's reason.
[[noreturn]] void refuse_archive(const std::filesystem::path& path, ::archive* archive);

/// @throws Error: two entries of one name and different content.
[[noreturn]] void refuse_double(const std::filesystem::path& path, const std::string& name);

}  // namespace monge::io
