#include "monge/io/column_choice.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

constexpr auto kForm =
    "names, numbers and ranges separated by commas, such as a,b,d-f or 0,2-5; names with commas in double quotes";

/// The column with exactly this name or number, if there is one.
std::optional<int64_t> column_of(const std::string& word, const std::vector<std::string>& names, int64_t count,
                                 const std::string& where) {
  const auto found = std::find(names.begin(), names.end(), word);
  if (found != names.end()) {
    const auto first = found - names.begin(), times = std::count(names.begin(), names.end(), word);
    require(times == 1, where, ": ", times, " columns have the name ", shown(word), "; choose by number, the first is ",
            first, " (counted from 0)");
    return first;
  }
  int64_t number = 0;
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (!is_whole(word) || fault != std::errc() || end != word.data() + word.size() || number >= count) return {};
  if (std::any_of(names.begin(), names.end(), [](const auto& name) { return is_whole(name); })) return {};
  return number;
}

[[noreturn]] void refuse(const std::string& word, const std::vector<std::string>& names, int64_t count,
                         const std::string& where) {
  throw InputError({.what = "has no such column",
                    .where = where,
                    .value = shown(word),
                    .allowed = names.empty() ? text("numbers, 0 to ", count - 1) : listed_columns(names),
                    .fix = names.empty() ? "" : suggestion(word, names)});
}

/// The parts between commas, without quotes. `quoted` receives which parts were in quotes: these are no ranges.
std::vector<std::pair<std::string, bool>> parts_of(const std::string& choice, const std::string& where) {
  std::vector<std::pair<std::string, bool>> out;
  for (size_t at = 0; at <= choice.size();) {
    std::string part;
    const bool quoted = at < choice.size() && choice[at] == '"';
    if (quoted) {
      for (++at;; ++at) {
        require(at < choice.size(), where, ": the choice of columns ", shown(choice), " has an unclosed quote");
        if (choice[at] == '"' && (++at >= choice.size() || choice[at] != '"')) break;
        part += choice[at];
      }
    } else {
      const auto end = std::min(choice.find(',', at), choice.size());
      part = choice.substr(at, end - at);
      at = end;
    }
    const bool ends = at >= choice.size() || choice[at] == ',';
    if (part.empty() || !ends) {
      throw InputError({.what = "not a choice of columns", .where = where, .value = shown(choice), .allowed = kForm});
    }
    out.emplace_back(std::move(part), quoted);
    ++at;
  }
  return out;
}

}  // namespace

int64_t find_column(const std::string& word, const std::vector<std::string>& names, int64_t count,
                    const std::string& where) {
  const auto found = column_of(word, names, count, where);
  if (!found) refuse(word, names, count, where);
  return *found;
}

std::vector<int64_t> choose_columns(const std::string& choice, const std::vector<std::string>& names, int64_t count,
                                    const std::string& where) {
  std::vector<int64_t> out;
  std::vector<bool> taken(static_cast<size_t>(count));
  const auto take = [&](int64_t column) {
    require(!taken[static_cast<size_t>(column)], where, ": the choice ", shown(choice), " has column ", column,
            names.empty() ? "" : " (" + shown(names[static_cast<size_t>(column)]) + ")", " twice");
    taken[static_cast<size_t>(column)] = true;
    out.push_back(column);
  };
  for (const auto& [part, quoted] : parts_of(choice, where)) {
    if (const auto single = column_of(part, names, count, where)) {
      take(*single);
      continue;
    }
    // Names may have hyphens, so this is a range only at a hyphen between two columns.
    bool found = false;
    for (auto hyphen = part.find('-'); !quoted && !found && hyphen != std::string::npos;
         hyphen = part.find('-', hyphen + 1)) {
      const auto first = column_of(part.substr(0, hyphen), names, count, where);
      const auto last = first ? column_of(part.substr(hyphen + 1), names, count, where) : std::nullopt;
      if (!first || !last) continue;
      require(*first <= *last, where, ": the range ", shown(part), " runs backwards, from column ", *first,
              " to column ", *last);
      for (int64_t column = *first; column <= *last; ++column) take(column);
      found = true;
    }
    if (!found) refuse(part, names, count, where);
  }
  return out;
}

std::string listed_columns(const std::vector<std::string>& names, bool always_quoted) {
  constexpr size_t kMost = 12, kLong = 60;
  const auto is_plain = [](const std::string& name) {
    return !name.empty() && name.size() < kLong && std::none_of(name.begin(), name.end(), [](unsigned char letter) {
      return letter <= ' ' || letter == ',' || letter == '"' || letter == 127;
    });
  };
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names.size() > kMost && i == kMost - 2) {
      out += text(", ... ", names.size() - kMost + 1, " more ..., ");
      i = names.size() - 1;
    } else if (i > 0) {
      out += ", ";
    }
    out += always_quoted || !is_plain(names[i]) ? shown(names[i]) : names[i];
  }
  return out;
}

}  // namespace monge::io
