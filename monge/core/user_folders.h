// The folders in which files that a user fetched are searched.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace monge {

/// The folders for one kind of files, in the order in which they are searched: `flag` (named by the user; may be
/// empty), those of an environment variable (separated by ':'), and monge/KIND in the user's cache (XDG_CACHE_HOME,
/// else
/// ~/.cache). They need not exist. Empty only if there is none of these.
std::vector<std::filesystem::path> user_folders(const std::filesystem::path& flag, const char* variable,
                                                const std::string& kind);

/// The folder of the file that holds this code: the program, or the shared library; empty if the system cannot tell.
std::filesystem::path installation_folder();

}  // namespace monge
