// Names that come from outside: what their ending says, and how they stand in a message.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace monge {

/// The extension with its dot in lower case: ".png" of "a/B.PNG"; empty where there is none.
std::string lower_extension(const std::filesystem::path& path);

/// A name that comes from a file as it should stand in a message: in quotes; control characters and bytes that are not
/// UTF-8 as \xNN; the middle of more than 120 bytes left out. Hostile files must not write to the terminal.
std::string shown(std::string_view name);

/// Text for a terminal: control characters other than line feeds and tabs, and bytes that are not UTF-8, as \xNN.
std::string printable(std::string_view text);

/// Whether a name from a file, as a path, stays inside the folder that it is put into: not empty, not absolute, no
/// "..".
bool stays_inside(const std::filesystem::path& name);

/// Whether the bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
bool is_utf8(std::string_view bytes);

}  // namespace monge
