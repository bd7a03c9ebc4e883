#include "monge/report/findings.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/progress.h"
#include "monge/core/quoting.h"
#include "monge/core/user_words.h"
#include "monge/eval/metrics.h"
#include "monge/eval/target_verdict.h"
#include "monge/report/glossary.h"
#include "monge/solve/solver.h"

namespace monge::report {
namespace {

using nlohmann::ordered_json;

/// An integer of a JSON object; 0 if it has none.
int64_t integer(const ordered_json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_number() ? found->get<int64_t>() : 0;
}

ordered_json side_of(const RunRecord& run, const char* side) {
  return run.data.is_object() && run.data.contains(side) ? run.data.at(side) : ordered_json();
}

std::string items_in_words(const std::vector<int64_t>& shape) {
  if (shape.size() == 1) return text("vectors of ", grouped(shape[0]), shape[0] == 1 ? " column" : " columns");
  if (shape.size() == 3)
    return text(shape[0] == 1 ? "grey images of " : "images of ", shape[2], " x ", shape[1], " pixels");
  return "items";
}

std::string count_in_words(int64_t items) { return items == 0 ? "endless" : grouped(items); }

std::string learned_sentence(const RunRecord& run) {
  if (!run.recipe) return "The recipe of this run cannot be read by this version of monge.";
  const auto& recipe = *run.recipe;
  const auto method = solve::make_method(recipe);
  const bool stochastic = method->noise().channels > 0 || method->smoothing(recipe.train.iterations).eps > 0;
  const auto source = side_of(run, "source"), target = side_of(run, "target");
  const bool one_file = short_name(recipe.source.path) == short_name(recipe.target.path);
  const auto name = [&](const std::string& path, const char* other) {
    if (path.empty()) return std::string(other);
    const auto parameters = path.find('?');
    return one_file && parameters != std::string::npos ? short_name(path) + " (" + path.substr(parameters + 1) + ")"
                                                       : short_name(path);
  };
  auto out =
      text("A ", stochastic ? "transport plan (several outputs per input)" : "transport map (one output per input)",
           " from ", name(recipe.source.path, "the source"), " to ", name(recipe.target.path, "the target"));
  if (source.is_object() && target.is_object()) {
    out += text(": ", items_in_words(item_shape(run)), ", learned without pairs from ",
                count_in_words(integer(source, "items")), " source and ", count_in_words(integer(target, "items")),
                " target samples");
  }
  return out + text(" by method ", recipe.method, ".");
}

std::string progress_sentence(const RunRecord& run) {
  const auto done = run.metrics.iterations, wanted = run.iterations_wanted();
  std::string out = run.state == RunState::running    ? "Running"
                    : run.state == RunState::complete ? "Complete"
                                                      : "Stopped before its end";
  out += text(": ", grouped(done), wanted > 0 ? text(" of ", grouped(wanted)) : "", " iterations");
  if (run.metrics.seconds > 0) {
    out += " in " + duration(run.metrics.seconds);
    if (done > 0) out += text(" (", number(static_cast<double>(done) / run.metrics.seconds, 3), " per second)");
  }
  out += ".";
  const auto early = run.summary.is_object() ? run.summary.find("ended_early") : run.summary.end();
  if (run.summary.is_object() && early != run.summary.end() && early->is_string())
    out += " It ended early: " + early->get<std::string>() + ".";
  if (run.state == RunState::stopped) out += text(" Resume it: monge resume ", shell_quoted(run.folder.string()), ".");
  return out;
}

Grade grade_of(const run::EvaluationLine& evaluation) {
  const auto reaches = reaches_target(evaluation);
  if (!reaches) return Grade::unknown;
  if (*reaches) return Grade::good;
  return eval::verdict_of(decisive_errors(evaluation)) == eval::TargetVerdict::near ? Grade::near : Grade::bad;
}

void add_verdict(const RunRecord& run, Findings& out) {
  const auto* last = run.last_evaluation();
  if (!last) {
    out.verdict = "The map was not evaluated yet";
    return;
  }
  out.grade = grade_of(*last);
  out.verdict = "The map " + verdict_of(*last);
  const auto errors = decisive_errors(*last);
  if (!std::isfinite(errors.error)) return;
  const bool features = std::isfinite(value_of(*last, "feature_error"));
  out.measured = text("Target error ", number(errors.error), features ? " in random convolution features" : "");
  if (std::isfinite(errors.floor)) out.measured += text("; a perfect map has about ", number(errors.floor), " (floor)");
  if (std::isfinite(errors.start)) out.measured += text(", the inputs themselves ", number(errors.start), " (start)");
  out.measured += text("; measured at iteration ", grouped(last->iteration), ".");
  const double remaining = eval::remaining_fraction(errors);
  if (std::isfinite(remaining)) out.way = std::clamp(1 - remaining, 0.0, 1.0);
}

void add_facts(const RunRecord& run, Findings& out) {
  const auto* last = run.last_evaluation();
  if (!last) return;
  const auto shape = item_shape(run);
  const double mse = value_of(*last, "mse");
  if (std::isfinite(mse) && shape.size() == 1) {
    out.facts.push_back({"Inputs move by", number(std::sqrt(mse * static_cast<double>(shape[0])), 3),
                         "root mean square of ||x - T(x)||, in the units of the training"});
  } else if (std::isfinite(mse)) {
    out.facts.push_back({"Inputs change by", number(100 * std::sqrt(mse) / 2, 3) + " %",
                         "root mean square change of a value, of the range from black to white"});
  }
  const double diversity = value_of(*last, "diversity");
  if (std::isfinite(diversity)) {
    out.facts.push_back({"Outputs of one input differ by", number(diversity, 3),
                         "root mean square difference per entry between two outputs of one input"});
  } else {
    out.facts.push_back({"Outputs per input", "1", "the map is deterministic"});
  }
  for (const auto* name : {"fid", "kid", "lpips"}) {
    const double value = value_of(*last, name), floor = value_of(*last, std::string(name) + "_floor");
    if (!std::isfinite(value)) continue;
    out.facts.push_back({figure_of(std::string("eval.") + name).title, number(value),
                         std::isfinite(floor) ? "floor " + number(floor) : ""});
  }
  const auto figure = run.recipe ? run.recipe->eval.best : std::string("target_error");
  if (const auto* best = run.best_evaluation()) {
    out.facts.push_back({"Best step", grouped(best->iteration), figure + " " + number(value_of(*best, figure))});
    out.facts.push_back({"Last step", grouped(last->iteration), figure + " " + number(value_of(*last, figure))});
  }
}

/// Whether the error still falls: the mean of its last third is below that of the third before by a twentieth.
bool still_falls(const RunRecord& run) {
  std::vector<double> errors;
  for (const auto& line : run.metrics.evaluations) {
    if (const double error = decisive_errors(line).error; std::isfinite(error)) errors.push_back(error);
  }
  const auto third = static_cast<std::ptrdiff_t>(errors.size() / 3);
  if (third < 1) return true;  // too few evaluations to tell
  const auto mean = [&](std::ptrdiff_t from_end) {
    double sum = 0;
    for (auto at = errors.end() - from_end; at != errors.end() - from_end + third; ++at) sum += *at;
    return sum / static_cast<double>(third);
  };
  return mean(third) < 0.95 * mean(2 * third);
}

void warn_of_target(const RunRecord& run, const Findings& so_far, std::vector<std::string>& out) {
  if (so_far.grade != Grade::bad && so_far.grade != Grade::near) return;
  const auto advice = run.recipe ? solve::make_method(*run.recipe)->advice_when_missed() : std::string();
  if (still_falls(run)) {
    out.push_back("The target error still falls: train longer (train.iterations).");
  } else {
    out.push_back("The target error has stopped falling above its floor, so the solution may be spurious" +
                  (advice.empty() ? "." : ": try " + advice + "."));
  }
}

void warn_of_judgement(const RunRecord& run, const Findings& so_far, std::vector<std::string>& out) {
  if (!run.last_evaluation()) {
    out.push_back("There is no evaluation: set eval.every, and eval.holdout or eval.source and eval.target.");
  } else if (so_far.grade == Grade::unknown && run.recipe) {
    out.push_back(text("There is no verdict on ", run.recipe->eval.samples,
                       " samples at most: raise eval.samples, or hold out more (eval.holdout)."));
  }
}

void warn_of_steps(const RunRecord& run, std::vector<std::string>& out) {
  const auto *last = run.last_evaluation(), *best = run.best_evaluation();
  const auto figure = run.recipe ? run.recipe->eval.best : std::string("target_error");
  constexpr double kMuchWorse = 1.3;
  if (last && best && last != best && value_of(*last, figure) > kMuchWorse * value_of(*best, figure)) {
    out.push_back(text("The last step is worse than the best, ", grouped(best->iteration), ": ", figure, " ",
                       number(value_of(*last, figure)), " against ", number(value_of(*best, figure)),
                       ". The folder best holds the best checkpoint; a lower learning rate makes the end calmer."));
  }
  int64_t skipped = 0;
  for (const auto& curve : run.metrics.curves) {
    if (curve.name == "skipped" && !curve.y.empty()) skipped = static_cast<int64_t>(curve.y.back());
  }
  // A loss scaler skips some updates of a sound training, too.
  if (100 * skipped > run.metrics.iterations) {
    out.push_back(text(grouped(skipped),
                       " updates were skipped, because their gradients were not finite; lower the "
                       "learning rates, or train in fp32 (train.precision)."));
  }
}

void warn_of_outputs(const RunRecord& run, std::vector<std::string>& out) {
  const auto* last = run.last_evaluation();
  if (!last) return;
  for (const auto& [name, value] : last->metrics) {
    const auto* metric = eval::metrics().find(name);
    if (metric && std::isfinite(value) && value > metric->warn_above)
      out.push_back(text("The outputs have ", name, " ", number(value, 3), metric->warning,
                         ": more detail than the target has. Train longer, or try train.ema."));
  }
  constexpr double kIgnored = 0.01;  // of the distance that inputs move
  const double diversity = value_of(*last, "diversity"), mse = value_of(*last, "mse");
  if (std::isfinite(diversity) && diversity < kIgnored * std::sqrt(mse))
    out.push_back(
        "The outputs of one input hardly differ: the map ignores its noise. Raise gamma, or choose a "
        "deterministic method.");
}

void warn_of_data(const RunRecord& run, std::vector<std::string>& out) {
  for (const char* side : {"source", "target"}) {
    if (const auto left_out = integer(side_of(run, side), "left_out"); left_out > 0)
      out.push_back(text(grouped(left_out), " items of the ", side, " could not be used; data.json lists them."));
  }
  constexpr double kMuch = 0.2;
  const auto wait = run.summary.is_object() ? run.summary.find("data_wait") : run.summary.end();
  if (run.summary.is_object() && wait != run.summary.end() && wait->is_number() && wait->get<double>() > kMuch)
    out.push_back(text("The training waited for data for ", number(100 * wait->get<double>(), 2),
                       " % of its time; pack the images (monge data pack) or raise data.workers."));
  if (!run.metrics.rejected.empty())
    out.push_back(text(run.metrics.rejected.size(), " line(s) of metrics.jsonl could not be read; the first is line ",
                       run.metrics.rejected.front(), "."));
}

}  // namespace

std::string grouped(int64_t value) {
  auto out = std::to_string(value);
  const auto first = out.starts_with('-') ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(out.size()) - 3; at > first; at -= 3)
    out.insert(static_cast<size_t>(at), ",");
  return out;
}

std::string short_name(const std::string& path) {
  auto out = path.substr(0, path.find('?'));
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  const auto slash = out.rfind('/');
  return slash == std::string::npos || slash + 1 == out.size() ? out : out.substr(slash + 1);
}

Findings findings_of(const RunRecord& run) {
  Findings out{.learned = learned_sentence(run), .progress = progress_sentence(run)};
  add_verdict(run, out);
  add_facts(run, out);
  warn_of_target(run, out, out.warnings);
  warn_of_judgement(run, out, out.warnings);
  warn_of_steps(run, out.warnings);
  warn_of_outputs(run, out.warnings);
  warn_of_data(run, out.warnings);
  return out;
}

}  // namespace monge::report
