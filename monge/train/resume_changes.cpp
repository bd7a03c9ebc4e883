#include "monge/train/resume_changes.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/number.h"
#include "monge/ot/schedule.h"

namespace monge::train {
namespace {

const Changeable* entry_of(const std::string& key) {
  for (const auto& entry : changeable()) {
    if (entry.key.ends_with('.') ? key.starts_with(entry.key) : key == entry.key) return &entry;
  }
  return nullptr;
}

double rate_factor(const Recipe& recipe, int64_t iteration) {
  const auto& t = recipe.train;
  return ot::rate_factor({t.schedule, t.iterations, t.warmup, t.milestones, t.decay}, iteration);
}

}  // namespace

const std::vector<Changeable>& changeable() {
  using enum ChangeKind;
  static const std::vector<Changeable> list = {
      {"train.iterations", keeps_updates},     {"train.threads", keeps_updates},
      {"checkpoint.", keeps_updates},          {"eval.every", keeps_updates},
      {"eval.samples", keeps_updates},         {"eval.weights", keeps_updates},
      {"eval.patience", keeps_updates},        {"samples.", keeps_updates},
      {"data.cache", keeps_updates},           {"data.cache_mb", keeps_updates},
      {"data.workers", keeps_updates},         {"data.prefetch", keeps_updates},
      {"parallel.bucket_mb", keeps_updates},   {"parallel.timeout", keeps_updates},
      {"source.path", keeps_updates},          {"target.path", keeps_updates},
      {"output.range", keeps_updates},         {"train.lr_map", alters_updates},
      {"train.lr_potential", alters_updates},  {"train.betas", alters_updates},
      {"train.eps", alters_updates},           {"train.weight_decay", alters_updates},
      {"train.schedule", alters_updates},      {"train.milestones", alters_updates},
      {"train.decay", alters_updates},         {"train.warmup", alters_updates},
      {"train.ema", alters_updates},           {"train.clip", alters_updates},
      {"potential.r1", alters_updates},        {"potential.r1_every", alters_updates},
      {"potential.expectile", alters_updates}, {"potential.expectile_level", alters_updates}};
  return list;
}

void require_changeable(const std::vector<std::string>& assignments) {
  for (const auto& assignment : assignments) {
    const auto begin = std::min(assignment.find_first_not_of(' '), assignment.size());
    auto key = assignment.substr(begin, assignment.find('=') - begin);
    key.erase(key.find_last_not_of(' ') + 1);
    if (entry_of(key)) continue;
    std::vector<std::string> keys;
    for (const auto& entry : changeable()) keys.push_back(entry.key.ends_with('.') ? entry.key + "*" : entry.key);
    throw Error(text("--set ", assignment, ": cannot be changed in a run that has begun; only ", join(keys),
                     " can. Start a new run for more; with train.init = \"RUN\" it begins with these weights"));
  }
}

std::vector<std::string> changes_of_updates(Recipe before, Recipe after, int64_t iteration) {
  if ((before.train.ema > 0) != (after.train.ema > 0)) {
    throw Error(Complaint{.what = "a run that has begun cannot begin or give up its averaged map",
                          .where = "--set train.ema",
                          .value = text(before.train.ema, " -> ", after.train.ema),
                          .fix = "start a new run with train.init = \"RUN\""});
  }
  std::vector<std::string> out;
  const auto old_table = before.options(), new_table = after.options();
  for (size_t i = 0; i < new_table.options().size(); ++i) {
    const auto& option = new_table.options()[i];
    const auto* entry = entry_of(option.key);
    if (!entry || entry->kind != ChangeKind::alters_updates) continue;
    const auto was = OptionTable::to_toml(old_table.options()[i]), is = OptionTable::to_toml(option);
    if (was == is) continue;
    out.push_back(text(option.key, ' ', was, " -> ", is, " from iteration ", iteration + 1,
                       " on; from there the run is another one than it would have been"));
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
