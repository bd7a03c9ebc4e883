// What a file is, whatever name it is reached by.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <utility>

namespace monge {

/// Device and inode: equal for two names of one file, be they hard links or lead there by symbolic links.
using FileIdentity = std::pair<dev_t, ino_t>;

/// Of the file or folder that the path leads to. @return nothing where it leads nowhere or cannot be looked at.
std::optional<FileIdentity> file_identity(const std::filesystem::path& path);

}  // namespace monge
