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

/// Whether several outputs of an input differ.
bool is_stochastic(const train::Recipe& recipe) {
  const auto method = solve::make_method(recipe);
  return method->noise().channels > 0 || method->smoothing(recipe.train.iterations).eps > 0;
}

std::string learned_sentence(const RunRecord& run) {
  if (!run.recipe) return "The recipe of this run cannot be read by this version of monge.";
  const auto& recipe = *run.recipe;
  const auto source = side_of(run, "source"), target = side_of(run, "target");
  const bool one_file = short_name(recipe.source.path) == short_name(recipe.target.path);
  const auto name = [&](const std::string& path, const char* other) {
    if (path.empty()) return std::string(other);
    const auto parameters = path.find('?');
    return one_file && parameters != std::string::npos ? short_name(path) + " (" + path.substr(parameters + 1) + ")"
                                                       : short_name(path);
  };
  auto out = text(
      "A ",
      is_stochastic(recipe) ? "transport plan (several outputs per input)" : "transport map (one output per input)",
      " from ", name(recipe.source.path, "the source"), " to ", name(recipe.target.path, "the target"));
  if (source.is_object() && target.is_object()) {
    out += text(": ", items_in_words(item_shape(run)), ", learned without pairs from ",
                count_in_words(integer(source, "items")), " source and ", count_in_words(integer(target, "items")),
                " target samples");
  }
  return out + text(" by method ", recipe.method, ".");
}

/// What people should know of the run by its recipe's card, else what optimal transport is after.
std::string purpose_sentence(const RunRecord& run) {
  if (run.recipe && !run.recipe->card.description.empty()) return run.recipe->card.description;
  return "Outputs should be distributed as the samples of the target, and inputs should move as little as possible. "
         "The "
         "verdict is on the first; the transport cost measures the second.";
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

/// The error of the verdict in words and numbers.
std::string measured_sentence(const run::EvaluationLine& evaluation, const eval::PushForwardError& errors) {
  const bool features = std::isfinite(value_of(evaluation, "feature_error"));
  auto out = text(features ? "Feature error " : "Target error ", number(errors.error));
  if (std::isfinite(errors.floor) && errors.floor > 0) {
    out += text(", where two sets of target samples differ by ", number(errors.floor),
                " (the floor, which a perfect map has)");
    out += errors.error <= errors.floor ? ": no difference can be seen with these samples"
                                        : text(": ", number(errors.error / errors.floor, 2), " times the floor");
  }
  if (std::isfinite(errors.start)) out += text("; the inputs themselves have ", number(errors.start), " (start)");
  return out + text(". Measured at iteration ", grouped(evaluation.iteration), " as the energy distance",
                    features ? " of random convolution features." : ".");
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
  out.measured = measured_sentence(*last, errors);
  const double remaining = eval::remaining_fraction(errors);
  if (std::isfinite(remaining)) out.way = std::clamp(1 - remaining, 0.0, 1.0);
}

/// "feature error 0.117, 63 % of the way": the verdict's error, or the figure of eval.best beside it.
std::string step_note(const RunRecord& run, const run::EvaluationLine& evaluation) {
  const auto errors = decisive_errors(evaluation);
  const bool features = std::isfinite(value_of(evaluation, "feature_error"));
  auto out = text(features ? "feature error " : "target error ", number(errors.error));
  if (const double left = eval::remaining_fraction(errors); std::isfinite(left))
    out += text(", ", percent(std::clamp(1 - left, 0.0, 1.0)), " of the way");
  const auto figure = run.best_figure();
  if (figure != "target_error")
    out += text("; ", figure_of("eval." + figure).title, " ", number(value_of(evaluation, figure)));
  return out;
}

void add_facts(const RunRecord& run, Findings& out) {
  const auto* last = run.last_evaluation();
  if (!last) return;
  const auto shape = item_shape(run);
  // Of images in percent of the range from black to white; of vectors as distances.
  const bool images = shape.size() != 1;
  const double entries = images ? 1 : static_cast<double>(shape[0]);
  const auto amount = [&](double rms) {
    return images ? number(50 * rms, 3) + " %" : number(rms * std::sqrt(entries), 3);
  };
  const std::string unit = images ? "of the range from black to white, root mean square"
                           : run.recipe && run.recipe->data.standardise != "off"
                               ? "root mean square distance, in standard deviations (data.standardise)"
                               : "root mean square distance, in the units of the data";
  const double mse = value_of(*last, "mse"), diversity = value_of(*last, "diversity");
  if (std::isfinite(mse)) out.facts.push_back({"Inputs move by", amount(std::sqrt(mse)), unit});
  if (std::isfinite(diversity)) {
    out.facts.push_back({"Outputs of one input differ by", amount(diversity), unit});
  } else if (run.recipe && !is_stochastic(*run.recipe)) {
    out.facts.push_back({"Outputs per input", "1", "the map is deterministic"});
  }
  for (const auto* name : {"fid", "kid", "lpips"}) {
    const double value = value_of(*last, name), floor = value_of(*last, std::string(name) + "_floor");
    if (!std::isfinite(value)) continue;
    out.facts.push_back({figure_of(std::string("eval.") + name).title, number(value),
                         std::isfinite(floor) ? "floor " + number(floor) : ""});
  }
  const auto* best = run.best_evaluation();
  if (best && best != last) {
    out.facts.push_back(
        {"Best iteration", grouped(best->iteration),
         step_note(run, *best) + (run.best_iteration == best->iteration ? "; in the folder best" : "")});
  }
  out.facts.push_back(
      {"Last iteration", grouped(last->iteration),
       step_note(run, *last) + (best == last ? "; the best so far" : "") + "; what monge translate uses"});
}

/// How the error went over the second half of the evaluations.
enum class Trend { unknown, falls, flat, jumps };

Trend trend_of_error(const RunRecord& run) {
  std::vector<double> logs;
  for (const auto& line : run.metrics.evaluations) {
    if (const double error = decisive_errors(line).error; error > 0 && std::isfinite(error))
      logs.push_back(std::log(error));
  }
  constexpr size_t kLeast = 4;
  if (logs.size() <= kLeast) return Trend::unknown;  // the first evaluation hardly tells of the course
  logs.erase(logs.begin(), logs.end() - static_cast<std::ptrdiff_t>(std::max(kLeast, logs.size() / 2)));
  // The line through log(error) by least squares.
  const auto count = static_cast<double>(logs.size());
  double mean = 0, slope = 0, spread = 0, rest = 0;
  for (const double value : logs) mean += value / count;
  const double middle = (count - 1) / 2;
  for (size_t i = 0; i < logs.size(); ++i) {
    const double x = static_cast<double>(i) - middle;
    slope += x * (logs[i] - mean);
    spread += x * x;
  }
  slope /= spread;
  for (size_t i = 0; i < logs.size(); ++i) {
    const double gap = logs[i] - mean - slope * (static_cast<double>(i) - middle);
    rest += gap * gap / count;
  }
  constexpr double kClear = 0.1;  // a tenth of the error
  const double change = slope * (count - 1), noise = std::sqrt(rest);
  if (change < -kClear && -change > 3 * noise) return Trend::falls;
  return noise > 2 * kClear ? Trend::jumps : Trend::flat;
}

/// The learning rate at the end, over its largest; NaN if unknown.
double rate_left(const RunRecord& run) {
  for (const auto& curve : run.metrics.curves) {
    if (curve.name != "rate_map" || curve.y.empty()) continue;
    const double most = *std::max_element(curve.y.begin(), curve.y.end());
    return most > 0 ? curve.y.back() / most : NAN;
  }
  return NAN;
}

void warn_of_target(const RunRecord& run, const Findings& so_far, std::vector<std::string>& out) {
  if (so_far.grade != Grade::bad && so_far.grade != Grade::near) return;
  const auto longer =
      text("train.iterations = ", 2 * std::max<int64_t>(run.iterations_wanted(), run.metrics.iterations));
  switch (trend_of_error(run)) {
    case Trend::unknown:
      out.push_back(
          text("There are too few evaluations to say whether the error still falls: train longer, for example with ",
               longer, ", and evaluate more often (eval.every)."));
      break;
    case Trend::falls:
      out.push_back(text("The error still falls: train longer, for example with ", longer, "."));
      break;
    case Trend::jumps:
      out.push_back(
          "The error jumps from evaluation to evaluation: lower the learning rates (train.lr_map, "
          "train.lr_potential), or train longer with train.schedule = \"cosine\".");
      break;
    case Trend::flat: {
      const auto advice = run.recipe ? solve::make_method(*run.recipe)->advice_when_missed() : std::string();
      out.push_back(
          "The error has stopped falling above its floor, although losses may be small: the solution may be "
          "spurious, a balance of map and potential that misses the target" +
          (advice.empty() ? "." : "; try " + advice + "."));
    }
  }
  constexpr double kEnded = 0.05;
  if (rate_left(run) < kEnded)
    out.push_back(
        "The learning rate has reached its end (train.schedule), so a resumed run would hardly change: begin a "
        "new one with more iterations.");
  constexpr double kFar = 50;
  const train::Recipe standard;
  if (run.recipe && run.recipe->train.lr_map >= kFar * standard.train.lr_map)
    out.push_back(text("The learning rate of the map, ", number(run.recipe->train.lr_map), ", is ",
                       number(run.recipe->train.lr_map / standard.train.lr_map, 3),
                       " times its default: lower train.lr_map."));
}

void warn_of_judgement(const RunRecord& run, const Findings& so_far, std::vector<std::string>& out) {
  if (!run.recipe || so_far.grade != Grade::unknown) return;
  const auto& eval = run.recipe->eval;
  const auto* last = run.last_evaluation();
  if (!last && eval.every == 0) {
    out.push_back("There is no evaluation: set eval.every, and eval.holdout or eval.source and eval.target.");
  } else if (!last && run.state == RunState::running) {
    out.push_back(text("The first evaluation comes at iteration ", grouped(eval.every), "."));
  } else if (last && std::isfinite(decisive_errors(*last).error) &&
             verdict_of(*last).find("eval.samples") != std::string::npos) {
    out.push_back(text("There is no verdict on ", grouped(eval.samples),
                       " samples at most: raise eval.samples, or hold out more (eval.holdout)."));
  }
}

/// The returns to an earlier state, see train::Trainer::run.
void warn_of_rollbacks(const RunRecord& run, std::vector<std::string>& out) {
  const auto found = run.summary.is_object() ? run.summary.find("rollbacks") : run.summary.end();
  if (!run.summary.is_object() || found == run.summary.end() || !found->is_array() || found->empty()) return;
  const auto& last = found->back();
  const bool smoothed = last.contains("smoothing") && last["smoothing"].is_number() && last["smoothing"] > 0;
  out.push_back(text("The training diverged ", found->size() == 1 ? "once" : text(found->size(), " times"),
                     " and returned to an earlier state, the last time from iteration ",
                     grouped(integer(last, "alarm")), " to ", grouped(integer(last, "restored")), ". ",
                     smoothed ? "It continued with a smoothed source: what it has learned is the plan of method otp. "
                                "Begin another run with method = \"otp\""
                              : "It continued with lower rates. Begin another run with lower train.lr_map and "
                                "train.lr_potential, or with potential.r1",
                     " (docs/divergence.md)."));
}

void warn_of_steps(const RunRecord& run, std::vector<std::string>& out) {
  const auto *last = run.last_evaluation(), *best = run.best_evaluation();
  const auto figure = run.best_figure();
  constexpr double kMuchWorse = 1.3;
  if (last && best && last != best && value_of(*last, figure) > kMuchWorse * value_of(*best, figure)) {
    out.push_back(text("The last iteration is worse than the best, ", grouped(best->iteration), ": ", figure, " ",
                       number(value_of(*last, figure)), " against ", number(value_of(*best, figure)),
                       run.best_iteration == best->iteration
                           ? ". The folder best has that map (monge translate RUN/best ...); a"
                           : ". A",
                       " lower learning rate makes the end calmer."));
  }
  double skipped = 0, iterations = 0;
  for (const auto& curve : run.metrics.curves) {
    if (curve.name != "skipped") continue;
    for (const double count : curve.y) skipped += std::isfinite(count) ? count : 0;
    iterations = static_cast<double>(curve.y.size());
  }
  // A loss scaler skips some updates of a sound training, too.
  const double updates = iterations * static_cast<double>(run.recipe ? run.recipe->train.k_t + 1 : 1);
  if (100 * skipped > updates) {
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

std::string percent(double fraction) {
  const double rounded = std::round(1000 * fraction) / 10;
  // All but the whole is less than the whole.
  return number(fraction < 1 ? std::min(rounded, 99.9) : rounded, 3) + " %";
}

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
  Findings out{.learned = learned_sentence(run), .purpose = purpose_sentence(run), .progress = progress_sentence(run)};
  add_verdict(run, out);
  add_facts(run, out);
  warn_of_target(run, out, out.warnings);
  warn_of_judgement(run, out, out.warnings);
  warn_of_rollbacks(run, out.warnings);
  warn_of_steps(run, out.warnings);
  warn_of_outputs(run, out.warnings);
  warn_of_data(run, out.warnings);
  return out;
}

}  // namespace monge::report
