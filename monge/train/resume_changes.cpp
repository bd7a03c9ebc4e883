#include "monge/train/resume_changes.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/number.h"
#include "monge/core/user_words.h"
#include "monge/ot/schedule.h"

namespace monge::train {
namespace {

/// The options of each section, in the order of the table.
using Sections = std::vector<std::pair<std::string, std::vector<Option>>>;

Sections sections_of(const OptionTable& table) {
  Sections out;
  for (const auto& option : table.options()) {
    const auto section = option.key.substr(0, option.key.find('.') + 1);  // empty at the top: npos + 1 is 0
    if (out.empty() || out.back().first != section) out.emplace_back(section, std::vector<Option>());
    out.back().second.push_back(option);
  }
  return out;
}

bool may_change(const Option& option) { return option.on_resume != OnResume::fixed; }

/// The keys that may change. A section of several keys that may all change appears as "checkpoint.".
std::vector<std::string> keys_and_sections() {
  std::vector<std::string> out;
  Recipe recipe;
  for (const auto& [section, options] : sections_of(recipe.options())) {
    if (options.size() > 1 && std::all_of(options.begin(), options.end(), may_change)) {
      out.push_back(section);
      continue;
    }
    for (const auto& option : options) {
      if (may_change(option)) out.push_back(option.key);
    }
  }
  return out;
}

double rate_factor(const Recipe& recipe, int64_t iteration) { return ot::rate_factor(recipe.train.rates(), iteration); }

}  // namespace

std::vector<std::string> changeable() {
  auto out = keys_and_sections();
  for (auto& key : out) {
    if (key.ends_with('.')) key += '*';
  }
  return out;
}

void require_changeable(const std::vector<std::string>& assignments) {
  const auto allowed = keys_and_sections();
  Recipe defaults;
  const auto known = defaults.options();
  for (const auto& assignment : assignments) {
    const auto begin = std::min(assignment.find_first_not_of(' '), assignment.size());
    auto key = assignment.substr(begin, assignment.find('=') - begin);
    key.erase(key.find_last_not_of(' ') + 1);
    known.at(key, user_word("assignment") + " " + assignment);  // refuses keys that do not exist, with the nearest
    const bool may = std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) {
      return entry.ends_with('.') ? key.starts_with(entry) : key == entry;
    });
    require(may, user_word("assignment"), " ", assignment,
            ": cannot be changed in a run that has begun (allowed: ", join(changeable()),
            "). Start a new run to change it; train.init = \"RUN\" starts it from these weights");
  }
}

std::vector<std::string> changes_of_updates(Recipe before, Recipe after, int64_t iteration) {
  if ((before.train.ema > 0) != (after.train.ema > 0)) {
    throw InputError({.what = "a run that has begun cannot add or drop its averaged map",
                      .where = user_word("assignment") + " train.ema",
                      .value = text(before.train.ema, " -> ", after.train.ema),
                      .fix = "start a new run with train.init = \"RUN\""});
  }
  std::vector<std::string> out;
  const auto old_table = before.options(), new_table = after.options();
  for (size_t i = 0; i < new_table.options().size(); ++i) {
    const auto& option = new_table.options()[i];
    if (option.on_resume != OnResume::alters_updates) continue;
    const auto was = OptionTable::to_toml(old_table.options()[i]), is = OptionTable::to_toml(option);
    if (was == is) continue;
    out.push_back(text(option.key, ' ', was, " -> ", is, " from iteration ", iteration + 1,
                       " on; from there the run differs from one without this change"));
  }
  const double factor_before = rate_factor(before, iteration), factor_after = rate_factor(after, iteration);
  if (std::abs(factor_before - factor_after) > 1e-12 && iteration < after.train.iterations) {
    const auto length = before.train.iterations == after.train.iterations
                            ? text("train.iterations = ", after.train.iterations)
                            : text("train.iterations ", before.train.iterations, " -> ", after.train.iterations);
    for (const auto& [net, was, is] : {std::tuple{"map", before.train.lr_map, after.train.lr_map},
                                       {"potential", before.train.lr_potential, after.train.lr_potential}}) {
      out.push_back(text("the learning rate of the ", net, " jumps at iteration ", iteration + 1, ": ",
                         number(was * factor_before), " -> ", number(is * factor_after), " (train.schedule = \"",
                         after.train.schedule, "\", ", length, ')'));
    }
  }
  return out;
}

}  // namespace monge::train
