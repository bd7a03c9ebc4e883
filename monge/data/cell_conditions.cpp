#include "monge/data/cell_conditions.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/names.h"

namespace monge::data {
namespace {

/// Reads a word in quotes, or one up to any of `ends`; nothing if a quote is not closed.
bool read_word(const std::string& text, size_t& at, const char* ends, std::string& out) {
  if (at >= text.size() || text[at] != '"') {
    const auto end = std::min(text.find_first_of(ends, at), text.size());
    out = text.substr(at, end - at);
    at = end;
    return out.find('"') == std::string::npos;
  }
  for (++at;; ++at) {
    if (at >= text.size()) return false;
    if (text[at] == '"' && (++at >= text.size() || text[at] != '"')) return true;
    out += text[at];
  }
}

}  // namespace

std::vector<io::CellCondition> cell_conditions(const std::string& text, const std::string& where) {
  std::vector<io::CellCondition> out;
  for (size_t at = 0;; ++at) {
    io::CellCondition next;
    bool fits = read_word(text, at, "=!,", next.column) && !next.column.empty();
    if (fits && at < text.size() && text[at] == '!') {
      next.equal = false;
      ++at;
    }
    fits = fits && at < text.size() && text[at] == '=';
    if (fits) fits = read_word(text, ++at, ",", next.value);
    if (!fits || (at < text.size() && text[at] != ',')) {
      throw InputError({.what = "not a choice of cells",
                        .where = where,
                        .value = shown(text),
                        .allowed = "COLUMN=VALUE or COLUMN!=VALUE, several separated by commas; a name with a comma or "
                                   "a quote in double quotes"});
    }
    out.push_back(std::move(next));
    if (at >= text.size()) return out;
  }
}

}  // namespace monge::data
