// Resolves a choice of columns such as "a,b,d-f" or "0,2-5".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace monge::io {

/// The column that `word` names, by its name or by its number counted from 0. If any column's name is itself a whole
/// number, numbers are only names.
/// @param names  one per column, or empty if the file names none.
/// @param where  the file, for messages.
/// @throws InputError with the nearest name and the existing names: no such column, or several columns of this name.
int64_t find_column(const std::string& word, const std::vector<std::string>& names, int64_t count,
                    const std::string& where);

/// The columns of a choice in its order. A choice has names, numbers and ranges of either, separated by commas. A name
/// with a comma or a quote in it is written in double quotes; quotes within it are doubled.
/// @throws InputError as find_column; for an empty part, a range that runs backwards, or a column that is named twice.
std::vector<int64_t> choose_columns(const std::string& choice, const std::vector<std::string>& names, int64_t count,
                                    const std::string& where);

/// The names for a message. Of many names, the first ten and the last are listed.
/// @param always_quoted  if false, only names with blanks, commas, quotes or control characters are put in quotes.
std::string listed_columns(const std::vector<std::string>& names, bool always_quoted = true);

}  // namespace monge::io
