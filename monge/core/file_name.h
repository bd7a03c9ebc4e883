// Names that file systems take: at most 255 bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace monge {

inline constexpr size_t kLongestFileName = 255;

/// The first bytes of a name, at most `most`, that end with a whole character where the name is UTF-8.
std::string_view shortened(std::string_view name, size_t most);

/// Where a file or folder is made before it is published as `path`: `path`.part; where that name would be too long, its
/// beginning, a hash of it and ".part".
std::filesystem::path part_path(const std::filesystem::path& path);

}  // namespace monge
