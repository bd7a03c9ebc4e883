// The identity of a file, whatever name it is reached by.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <utility>

namespace monge {

/// Device and inode. Two names of one file have the same identity, whether they are hard links or symbolic links.
using FileIdentity = std::pair<dev_t, ino_t>;

/// The identity of the file or folder that the path leads to, through symbolic links.
/// @return nothing where the path leads nowhere or its target cannot be examined.
std::optional<FileIdentity> file_identity(const std::filesystem::path& path);

}  // namespace monge
