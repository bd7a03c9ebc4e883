// Quotes text for a shell, for TOML and for JSON.
#pragma once

#include <string>
#include <string_view>

namespace monge {

/// `word` as one argument of a POSIX shell: unchanged if it is plain, else in single quotes. The commands that messages
/// suggest must work when they are pasted.
std::string shell_quoted(std::string_view word);

/// A basic string of TOML. Other programs can read it only if its bytes are UTF-8.
std::string toml_quoted(std::string_view value);

/// A string of JSON. Bytes that are not UTF-8 become question marks.
std::string json_quoted(std::string_view value);

}  // namespace monge
