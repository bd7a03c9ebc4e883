// Names from files and users: their extensions, and their form in messages.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace monge {

/// The extension with its dot in lower case: ".png" of "a/B.PNG"; empty where there is none.
std::string lower_extension(const std::filesystem::path& path);

/// A name from a file in its form for a message: in quotes, with control characters and bytes that are not UTF-8 as
/// \xNN. Of more than 120 bytes the middle is left out. Hostile files must not be able to control the terminal.
std::string shown(std::string_view name);

/// A text in its form for a terminal: control characters other than line feeds and tabs, and bytes that are not UTF-8,
/// become \xNN.
std::string printable(std::string_view text);

/// Whether a name from a file, used as a path, stays inside the folder that it is put into: it is not empty, not
/// absolute and has no "..".
bool stays_inside(const std::filesystem::path& name);

/// Whether the bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
bool is_utf8(std::string_view bytes);

}  // namespace monge
