// File names that every file system accepts: at most 255 bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace monge {

inline constexpr size_t kLongestFileName = 255;
inline constexpr size_t kLongestPath = 4095;

/// Refuses a path that no file or folder of output can have, before work is done for it.
/// @param where  what the path is, for the message: an option or argument.
/// @throws InputError when one of its names has more than kLongestFileName bytes, or when the whole leaves less than
///     these, a slash and the ending ".part" up to kLongestPath.
void require_usable_name(const std::filesystem::path& path, std::string_view where);

/// The first bytes of a name, at most `most`. If the name is UTF-8, the cut is between two characters.
std::string_view shortened(std::string_view name, size_t most);

/// The name of a file that belongs to another one: `path` with `ending` behind it. If that name would be too long, it
/// is the beginning of the name, a hash of the name and the ending, so that other names get other ones.
std::filesystem::path with_ending(const std::filesystem::path& path, std::string_view ending);

/// The temporary name of a file or folder before it is published as `path`: `path`.part, see with_ending.
std::filesystem::path part_path(const std::filesystem::path& path);

/// `path` with `suffix` before its extension: "a/smile.jpg" with "_2" is "a/smile_2.jpg". If the name would be too
/// long, the stem is cut.
std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix);

}  // namespace monge
