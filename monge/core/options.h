// A table of options. It is the only place for the key, default, unit, range and help of an option; the command line,
// the check of unknown keys, the written recipe and the reference page are made from it.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "monge/core/auto_number.h"
#include "monge/core/image_size.h"

namespace monge {

/// A pointer to the field that an option sets. The table does not own it: the options struct must outlive the table.
using OptionField = std::variant<bool*, int64_t*, double*, std::string*, std::vector<double>*, std::vector<int64_t>*,
                                 ImageSize*, AutoNumber*>;

/// A value from a recipe or a command line, before it is matched with the type of the option. The size of images is a
/// whole number or a text, an AutoNumber a number or the text "auto".
using OptionValue = std::variant<bool, int64_t, double, std::string, std::vector<double>, std::vector<int64_t>>;

/// The effect of a changed option on a run that has begun.
enum class OnResume {
  fixed,           ///< The option may not change: problem, networks or data would be others.
  keeps_updates,   ///< Length, intervals, evaluation, loading: the updates remain exactly the same.
  alters_updates,  ///< Rates, their schedule, regularisers: later updates differ.
};

/// Reads the text after the equals sign of an assignment. Returns nothing if it is no value.
using ValueReader = std::function<std::optional<OptionValue>(const std::string& text)>;

struct Option {
  std::string key;  ///< "section.key", or "key" at the top
  OptionField field;
  std::string help;  ///< one sentence without a full stop
  std::string unit = {};
  std::vector<std::string> choices = {};                    ///< legal words of a string option; empty: any
  double least = -std::numeric_limits<double>::infinity();  ///< legal range of a number or a side, inclusive
  double most = std::numeric_limits<double>::infinity();
  OnResume on_resume = OnResume::fixed;
  std::string fixed_because = {};  ///< why a fixed option may not change on resume; for the reference page
};

class OptionTable {
 public:
  /// The value of `least` that admits any positive number: ranges are inclusive.
  static constexpr double kAboveZero = 1e-300;

  OptionTable() = default;

  /// @param sections  name and one line of help, in the order in which they are written.
  OptionTable(std::vector<std::pair<std::string, std::string>> sections, std::vector<Option> options);

  /// Checks the values that the fields have now, which code may have set past the table.
  /// @param where  for the message: "recipe". @throws InputError as set().
  void check(const std::string& where) const;

  /// Appends a section; see option_section.h for a struct that brings its own.
  /// @param name  empty: the top of the file.  @param options  with their full keys.
  void add_section(const std::string& name, const std::string& help, std::vector<Option> options);

  /// Sets the field of `key`.
  /// @param where  for the message: a file with line, or "--set".
  /// @throws InputError  unknown key (with the nearest), wrong type, value out of range; each with what is allowed.
  void set(const std::string& key, const OptionValue& value, const std::string& where) const;

  /// Sets an option from "section.key=value". `read` reads the value; by default option_value() does. The quotes of a
  /// text may be left out.
  /// @param where  for the message: "--set". @throws InputError as set(), or when there is no "=".
  void assign(const std::string& assignment, const std::string& where, const ValueReader& read = {}) const;

  /// The value of an option as TOML ("0.66", "\"weak\"", "[0.0, 0.9]").
  /// @throws InputError naming the key when its text is not UTF-8, which TOML cannot hold. So do the functions below.
  static std::string to_toml(const Option& option);

  /// The whole table as TOML. If `commented`, the help stands beside each key as a comment.
  std::string to_toml(bool commented) const;

  /// The reference page: for each section a table of key, default, unit, range, effect on resume, and help.
  std::string to_markdown() const;

  const std::vector<Option>& options() const& { return options_; }
  void options() && = delete;  // of a temporary table: a loop over them would outlive it
  const Option& at(const std::string& key, const std::string& where) const;

 private:
  std::vector<std::pair<std::string, std::string>> sections_;
  std::vector<Option> options_;
};

}  // namespace monge
