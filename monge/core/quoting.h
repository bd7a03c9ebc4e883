// Text in the quotes of a shell, of TOML and of JSON.
#pragma once

#include <string>
#include <string_view>

namespace monge {

/// `word` as a POSIX shell takes it for one argument: as it stands where it is plain, else in single quotes. Commands
/// that messages suggest must work when they are pasted.
std::string shell_quoted(std::string_view word);

/// A basic string of TOML. Its bytes must be UTF-8 for others to read it.
std::string toml_quoted(std::string_view value);

/// A string of JSON. Bytes that are not UTF-8 become question marks.
std::string json_quoted(std::string_view value);

}  // namespace monge
