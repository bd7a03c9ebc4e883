// File names that every file system accepts: at most 255 bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace monge {

inline constexpr size_t kLongestFileName = 255;

/// The first bytes of a name, at most `most`. If the name is UTF-8, the cut is between two characters.
std::string_view shortened(std::string_view name, size_t most);

/// The temporary name of a file or folder before it is published as `path`: `path`.part. If that name would be too
/// long, it is the beginning of the name, a hash of the name and ".part".
std::filesystem::path part_path(const std::filesystem::path& path);

}  // namespace monge
