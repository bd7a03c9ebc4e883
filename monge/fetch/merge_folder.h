// Moves finished files to their final place without losing existing ones.
#pragma once

#include <filesystem>

namespace monge::fetch {

/// Checks that place_file(from, to) would succeed. @throws the error that it would throw.
void check_place(const std::filesystem::path& from, const std::filesystem::path& to);

/// Moves the file `from` to `to`, whose folder exists. If `to` holds the same bytes, `from` is removed.
/// @throws InputError naming `to` when something else exists there; then nothing is changed. SystemError when the
///     system fails.
void place_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Moves all entries of the folder `from` into the folder `to` of the same file system, merges folders of equal names,
/// and removes `from`. All entries are checked first: when a file of `to` has other bytes, or one side has a folder (or
/// a link) where the other has a file, an InputError names it and nothing is changed. An interrupted call that is
/// repeated with the same `from`, made anew, gives the same `to`.
void merge_folder(const std::filesystem::path& from, const std::filesystem::path& to);

/// Waits until everything written to the file system of `folder` is on the disk.
void sync_file_system(const std::filesystem::path& folder);

}  // namespace monge::fetch
