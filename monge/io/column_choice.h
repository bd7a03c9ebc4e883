// Which columns of a table are meant by "a,b,d-f" or "0,2-5".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace monge::io {

/// The column that `word` names: by its name, or by its number counted from 0. Where any column's name is itself a
/// whole number, numbers are names and nothing else.
/// @param names  one per column, or empty where the file names none.
/// @param where  the file, for messages.
/// @throws InputError with the nearest name and the names that there are: no such column, or several of this name.
int64_t find_column(const std::string& word, const std::vector<std::string>& names, int64_t count,
                    const std::string& where);

/// The columns of a choice in its order: names, numbers and ranges of either, between commas. A name that has a comma
/// or a quote in it is put in double quotes, which are doubled within it.
/// @throws InputError as find_column; for an empty part, a range that runs backwards, or a column that is named twice.
std::vector<int64_t> choose_columns(const std::string& choice, const std::vector<std::string>& names, int64_t count,
                                    const std::string& where);

/// The names for a message, of many the first ten and the last.
/// @param always_quoted  else only names with blanks, commas, quotes or control characters are put in quotes.
std::string listed_columns(const std::vector<std::string>& names, bool always_quoted = true);

}  // namespace monge::io
