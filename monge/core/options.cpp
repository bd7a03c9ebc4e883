#include "monge/core/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/core/option_value.h"
#include "monge/core/quoting.h"

namespace monge {
namespace {

constexpr const char* kAuto = "auto";

std::string number(double value) {
  char shortest[32];
  const auto end = std::to_chars(shortest, shortest + sizeof shortest, value).ptr;
  std::string out(shortest, end);
  if (std::isfinite(value) && out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

template <class T>
std::string listed(const std::vector<T>& values) {
  std::string out = "[";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i) out += ", ";
    if constexpr (std::is_same_v<T, double>) {
      out += number(values[i]);
    } else {
      out += std::to_string(values[i]);
    }
  }
  return out + "]";
}

std::string shown(const OptionValue& value) {
  struct Visitor {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return number(v); }
    std::string operator()(const std::string& v) const { return toml_quoted(v); }
    std::string operator()(const std::vector<double>& v) const { return listed(v); }
    std::string operator()(const std::vector<int64_t>& v) const { return listed(v); }
  };
  return std::visit(Visitor{}, value);
}

OptionValue value_of(const ImageSize& size) { return size.square() ? OptionValue(size.width) : text_of(size); }

OptionValue value_of(const AutoNumber& number) {
  return number.automatic() ? OptionValue(std::string(kAuto)) : OptionValue(number.value_or(0));
}

template <class T>
OptionValue value_of(const T& value) {
  return value;
}

OptionValue current(const OptionField& field) {
  return std::visit([](const auto* pointer) { return value_of(*pointer); }, field);
}

std::string type_name(const OptionField& field) {
  static const char* const names[] = {"true or false",
                                      "a whole number",
                                      "a number",
                                      "a string",
                                      "a list of numbers",
                                      "a list of whole numbers",
                                      "a whole number or \"WIDTHxHEIGHT\"",
                                      "a number or \"auto\""};
  return names[field.index()];
}

std::string range_text(const Option& option) {
  if (!option.choices.empty()) return join(option.choices, " | ");
  const bool low = std::isfinite(option.least), high = std::isfinite(option.most);
  const bool whole = std::holds_alternative<int64_t*>(option.field) ||
                     std::holds_alternative<std::vector<int64_t>*>(option.field) ||
                     std::holds_alternative<ImageSize*>(option.field);
  const auto bound = [whole](double v) { return whole ? std::to_string(static_cast<int64_t>(v)) : number(v); };
  const bool positive = option.least == OptionTable::kAboveZero;
  if (positive) return high ? "above 0, at most " + bound(option.most) : "above 0";
  const char* of_size = std::holds_alternative<ImageSize*>(option.field) ? " for each side" : "";
  if (low && high) return bound(option.least) + " to " + bound(option.most) + of_size;
  if (low) return "at least " + bound(option.least);
  if (high) return "at most " + bound(option.most);
  return {};
}

std::string resume_text(const Option& option) {
  if (option.on_resume == OnResume::keeps_updates) return "yes";
  if (option.on_resume == OnResume::alters_updates) return "yes; later updates differ";
  return option.fixed_because.empty() ? "no" : "no: " + option.fixed_because;
}

void check_range(const Option& option, double value, const std::string& where, const OptionValue& given) {
  if (!std::isfinite(value) || value < option.least || value > option.most) {
    throw InputError({.what = option.key + " is out of range",
                      .where = where,
                      .value = shown(given),
                      .allowed = range_text(option).empty() ? "a finite number" : range_text(option)});
  }
}

InputError wrong_type(const Option& option, const OptionValue& given, const std::string& where) {
  return InputError({.what = option.key + " must be " + type_name(option.field),
                     .where = where,
                     .value = shown(given),
                     .allowed = range_text(option)});
}

std::optional<ImageSize> image_size_of(const OptionValue& value) {
  if (const auto* side = std::get_if<int64_t>(&value)) return ImageSize(*side);
  const auto* words = std::get_if<std::string>(&value);
  return words ? parse_image_size(*words) : std::nullopt;
}

std::optional<double> number_of(const OptionValue& value) {
  if (const auto* whole = std::get_if<int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return {};
}

/// The value for a text option, checked against its choices.
std::string checked_word(const Option& option, const OptionValue& value, const std::string& where) {
  if (!std::holds_alternative<std::string>(value)) {
    // A text option may hold a number (cost.scale = 0.001): keep the text of the number.
    if (!option.choices.empty() || std::holds_alternative<bool>(value)) throw wrong_type(option, value, where);
    return shown(value);
  }
  const auto& word = std::get<std::string>(value);
  // No path can hold it, and a message of the library ends at it.
  if (word.find('\0') != std::string::npos)
    throw InputError({.what = option.key + " holds the character U+0000", .where = where, .value = toml_quoted(word)});
  if (!option.choices.empty() &&
      std::find(option.choices.begin(), option.choices.end(), word) == option.choices.end()) {
    throw InputError({.what = "unknown " + option.key,
                      .where = where,
                      .value = toml_quoted(word),
                      .allowed = join(option.choices),
                      .fix = suggestion(word, option.choices)});
  }
  return word;
}

}  // namespace

OptionTable::OptionTable(std::vector<std::pair<std::string, std::string>> sections, std::vector<Option> options)
    : sections_(std::move(sections)), options_(std::move(options)) {}

void OptionTable::add_section(const std::string& name, const std::string& help, std::vector<Option> options) {
  sections_.emplace_back(name, help);
  for (auto& option : options) options_.push_back(std::move(option));
}

const Option& OptionTable::at(const std::string& key, const std::string& where) const {
  std::vector<std::string> known;
  for (const auto& option : options_) {
    if (option.key == key) return option;
    known.push_back(option.key);
  }
  const auto near = suggestion(key, known);
  throw InputError({.what = "unknown key \"" + key + "\"",
                    .where = where,
                    .fix = near.empty() ? "docs/recipes.md lists every key" : near});
}

void OptionTable::set(const std::string& key, const OptionValue& value, const std::string& where) const {
  const Option& option = at(key, where);
  if (auto* field = std::get_if<bool*>(&option.field)) {
    if (!std::holds_alternative<bool>(value)) throw wrong_type(option, value, where);
    **field = std::get<bool>(value);
  } else if (auto* field = std::get_if<int64_t*>(&option.field)) {
    const auto* whole = std::get_if<int64_t>(&value);
    if (!whole) throw wrong_type(option, value, where);
    check_range(option, static_cast<double>(*whole), where, value);
    **field = *whole;
  } else if (auto* field = std::get_if<double*>(&option.field)) {
    const auto given = number_of(value);
    if (!given) throw wrong_type(option, value, where);
    check_range(option, *given, where, value);
    **field = *given;
  } else if (auto* field = std::get_if<AutoNumber*>(&option.field)) {
    const auto* word = std::get_if<std::string>(&value);
    const auto given = number_of(value);
    if (!given && !(word && *word == kAuto)) throw wrong_type(option, value, where);
    if (given) check_range(option, *given, where, value);
    **field = given ? AutoNumber(*given) : AutoNumber();
  } else if (auto* field = std::get_if<std::string*>(&option.field)) {
    **field = checked_word(option, value, where);
  } else if (auto* field = std::get_if<std::vector<double>*>(&option.field)) {
    std::vector<double> numbers;
    if (const auto* reals = std::get_if<std::vector<double>>(&value)) {
      numbers = *reals;
    } else if (const auto* wholes = std::get_if<std::vector<int64_t>>(&value)) {
      numbers.assign(wholes->begin(), wholes->end());
    } else {
      throw wrong_type(option, value, where);
    }
    for (const double entry : numbers) check_range(option, entry, where, value);
    **field = numbers;
  } else if (auto* field = std::get_if<std::vector<int64_t>*>(&option.field)) {
    std::vector<int64_t> numbers;
    if (const auto* wholes = std::get_if<std::vector<int64_t>>(&value)) {
      numbers = *wholes;
    } else if (const auto* reals = std::get_if<std::vector<double>>(&value); !reals || !reals->empty()) {
      throw wrong_type(option, value, where);  // an empty list has no type of its own
    }
    for (const int64_t entry : numbers) check_range(option, static_cast<double>(entry), where, value);
    **field = numbers;
  } else if (auto* field = std::get_if<ImageSize*>(&option.field)) {
    const auto size = image_size_of(value);
    if (!size) throw wrong_type(option, value, where);
    for (const int64_t side : {size->width, size->height}) check_range(option, static_cast<double>(side), where, value);
    **field = *size;
  }
}

void OptionTable::check(const std::string& where) const {
  for (const auto& option : options_) set(option.key, current(option.field), where);
}

void OptionTable::assign(const std::string& assignment, const std::string& where, const ValueReader& read) const {
  const auto equals = assignment.find('=');
  require(equals != std::string::npos && equals > 0, where, " ", assignment, ": expected section.key=value");
  const auto key = assignment.substr(0, equals), value = assignment.substr(equals + 1);
  const bool wants_text = std::holds_alternative<std::string*>(at(key, where).field);
  const bool in_quotes = !value.empty() && (value.front() == '"' || value.front() == '\'');
  if (wants_text && !in_quotes) {
    set(key, value, where);
    return;
  }
  // What cannot be read is passed on as text, so that set() reports the expected type and range.
  set(key, (read ? read(value) : option_value(value)).value_or(value), where);
}

std::string OptionTable::to_toml(const Option& option) {
  const auto* const* word = std::get_if<std::string*>(&option.field);
  require(!word || is_utf8(**word), option.key, " = ", shown(current(option.field)),
          ": its bytes are not UTF-8, so a recipe ",
          "cannot store it and the run could not be resumed; rename the file or folder, or use a link to it");
  return shown(current(option.field));
}

std::string OptionTable::to_toml(bool commented) const {
  std::string out;
  for (const auto& [section, help] : sections_) {
    if (!section.empty()) out += "\n[" + section + "]" + (commented ? "  # " + help : "") + "\n";
    for (const auto& option : options_) {
      const auto dot = option.key.find('.');
      const auto own = dot == std::string::npos ? "" : option.key.substr(0, dot);
      if (own != section) continue;
      const auto key = dot == std::string::npos ? option.key : option.key.substr(dot + 1);
      out += key + " = " + to_toml(option) + (commented ? "  # " + option.help : "") + "\n";
    }
  }
  return out;
}

std::string OptionTable::to_markdown() const {
  const auto cell = [](const std::string& value) {  // a vertical bar would end the cell
    std::string out;
    for (const char letter : value) out += letter == '|' ? "\\|" : std::string(1, letter);
    return out;
  };
  std::string out;
  for (const auto& [section, help] : sections_) {
    out += "\n## " + (section.empty() ? std::string("Top of the file") : "[" + section + "]") + "\n\n" + help +
           ".\n\n| key | default | unit | allowed | on resume | meaning |\n| --- | --- | --- | --- | --- | --- |\n";
    for (const auto& option : options_) {
      const auto dot = option.key.find('.');
      const auto own = dot == std::string::npos ? "" : option.key.substr(0, dot);
      if (own != section) continue;
      out += "| `" + option.key + "` | `" + to_toml(option) + "` | " + option.unit + " | " + cell(range_text(option)) +
             " | " + cell(resume_text(option)) + " | " + cell(option.help) + " |\n";
    }
  }
  return out;
}

}  // namespace monge
