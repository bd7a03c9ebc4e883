// The user's names for options and functions in messages, so that the library needs to know no command line.
#pragma once

#include <map>
#include <string>

namespace monge {

/// The user's word for an option or a function of the library. By default it is the library's own name, such as
/// "PackOptions::split", which a C++ caller needs. A program with a command line installs its own words, such as
/// "--split"; then each message names what its user can type.
std::string user_word(const std::string& library_name);

/// Installs the words by library name. A library name without a word remains as it is. Call this once, at the start of
/// the program, before other threads exist.
void set_user_words(std::map<std::string, std::string> words);

}  // namespace monge
