// How messages name what the reader can set or call, without the library knowing any command line.
#pragma once

#include <map>
#include <string>

namespace monge {

/// The words of the user for an option or a function of the library. By default that is the library's own name, such as
/// "PackOptions::split", which is what a C++ caller needs. A program with a command line installs its own words, such
/// as
/// "--split", and each message then names what its user can type.
std::string user_word(const std::string& library_name);

/// Installs the words, by library name; names that are not in it stand for themselves. Call it once, when the program
/// starts, before there are other threads.
void set_user_words(std::map<std::string, std::string> words);

}  // namespace monge
