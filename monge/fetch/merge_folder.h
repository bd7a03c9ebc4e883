// Puts what is ready in its final place without losing what is there.
#pragma once

#include <filesystem>

namespace monge::fetch {

/// Whether place_file(from, to) would go well. @throws the error that it would.
void check_place(const std::filesystem::path& from, const std::filesystem::path& to);

/// Moves the file `from` to `to`, whose folder is there. Where `to` holds the same bytes `from` is removed.
/// @throws InputError naming `to` when something else is there; then nothing is changed. SystemError when the system
/// fails.
void place_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Moves all in the folder `from` into the folder `to` of the same file system, folders into folders of their name, and
/// removes `from`. All is looked at first: when a file of `to` has other bytes, or one side has a folder (or a link)
/// where the other has a file, an InputError names it and nothing is changed. Broken off and done again from the same
/// `from`, made anew, it gives the same `to`.
void merge_folder(const std::filesystem::path& from, const std::filesystem::path& to);

/// Waits until all that was written to the file system of `folder` is on the disk.
void sync_file_system(const std::filesystem::path& folder);

}  // namespace monge::fetch
