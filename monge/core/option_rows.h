// The options of one section, written as a list that reads like the reference page made from it:
//
//     rows.add("lr_map", lr_map, "learning rate of the map").least(0).on_resume(OnResume::alters_updates);
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "monge/core/options.h"

namespace monge {

/// Sets the further properties of the option that was just added. Valid until the next one is added.
class OptionRow {
 public:
  explicit OptionRow(Option& option) : option_(option) {}

  OptionRow& unit(std::string unit) { return option_.unit = std::move(unit), *this; }
  /// The legal words of a text option.
  OptionRow& choices(std::vector<std::string> words) { return option_.choices = std::move(words), *this; }
  /// The legal range of a number, inclusive.
  OptionRow& least(double value) { return option_.least = value, *this; }
  OptionRow& most(double value) { return option_.most = value, *this; }
  OptionRow& range(double least, double most) { return option_.least = least, option_.most = most, *this; }
  OptionRow& above_zero() { return least(OptionTable::kAboveZero); }
  /// The effect of a change on a run that has begun. By default the option has the effect set by OptionRows::on_resume.
  OptionRow& on_resume(OnResume effect) { return option_.on_resume = effect, *this; }

 private:
  Option& option_;
};

/// Collects the options of a section.
class OptionRows {
 public:
  /// @param section  the prefix of the keys; empty: the top of the file.
  explicit OptionRows(std::string section) : section_(std::move(section)) {}

  /// Sets the effect of a change on resume for the options that are added after this call. At first options are fixed.
  /// @param reason  why they are fixed, for the reference page.
  void on_resume(OnResume effect, std::string reason = {}) {
    on_resume_ = effect;
    reason_ = std::move(reason);
  }

  /// @param field  must outlive the table that the rows are added to.
  /// @param help   one sentence without a full stop.
  template <class Field>
  OptionRow add(const std::string& key, Field& field, std::string help) {
    options_.push_back(Option{.key = section_.empty() ? key : section_ + "." + key,
                              .field = &field,
                              .help = std::move(help),
                              .on_resume = on_resume_,
                              .fixed_because = reason_});
    return OptionRow(options_.back());
  }

  std::vector<Option> take() { return std::move(options_); }

 private:
  std::string section_, reason_;
  OnResume on_resume_ = OnResume::fixed;
  std::vector<Option> options_;
};

}  // namespace monge
