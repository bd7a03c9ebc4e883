// monge truth: trains on cases with a known answer and says how far from it a method ends.
#include "monge/eval/truth.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/image.h"
#include "monge/run/plot.h"
#include "monge/solve/autocast.h"
#include "monge/train/trainer.h"

namespace monge::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct TruthCommand {
  Common common;
  std::vector<std::string> cases, set;
  eval::TruthOptions options;
  int64_t seed = 0, seeds = 1;
  std::string plots;
};

/// The progress line of one training.
class Watcher : public train::Observer {
 public:
  Watcher(const Common& common, std::string label) : common_(common), label_(std::move(label)) {}

  void started(train::Trainer& trainer, int64_t) override {
    progress_ =
        std::make_unique<Progress>(std::cerr, progress_style(common_), label_, trainer.recipe().train.iterations);
  }
  bool looks_at_nets(const train::Trainer&, int64_t) const override { return false; }
  void iteration_done(train::Trainer&, int64_t done, const solve::IterationMetrics&) override {
    progress_->update(done);
  }
  void ended(train::Trainer&, int64_t, bool) override { progress_->finish(); }

 private:
  Common common_;
  std::string label_;
  std::unique_ptr<Progress> progress_;
};

/// One line of the table or of JSON.
struct Row {
  std::string name, method;
  int64_t dim = 0, seed = 0;
  eval::TruthScore score;
};

/// What rows of one case are ranked by: the distance to the known map where there is one, else to the target.
/// A training that diverged is the worst.
double rank(const Row& row) {
  const double figure = std::isfinite(row.score.l2_uvp) ? row.score.l2_uvp : row.score.target_error;
  return std::isfinite(figure) ? figure : std::numeric_limits<double>::infinity();
}

void print_header() {
  std::printf("%-20s %4s %-7s %6s %11s %11s %11s %9s %8s %8s\n", "case", "dim", "method", "seed", "cost error",
              "target", "floor", "L2-UVP %", "cosine", "seconds");
  std::fflush(stdout);
}

void print_row(const Row& row, const std::string& seed) {
  const auto figure = [](double value, const char* format) {
    char out[32] = "-";
    if (std::isfinite(value)) std::snprintf(out, sizeof out, format, value);
    return std::string(out);
  };
  const auto& s = row.score;
  std::printf("%-20s %4lld %-7s %6s %11s %11s %11s %9s %8s %8s\n", row.name.c_str(), static_cast<long long>(row.dim),
              row.method.c_str(), seed.c_str(), figure(s.cost_error, "%.5g").c_str(),
              figure(s.target_error, "%.5g").c_str(), figure(s.target_floor, "%.5g").c_str(),
              figure(s.l2_uvp, "%.4g").c_str(), figure(s.cosine, "%.4f").c_str(), figure(s.seconds, "%.1f").c_str());
  std::fflush(stdout);
}

ordered_json json_of(const Row& row) {
  ordered_json out{{"case", row.name}, {"dim", row.dim}, {"method", row.method}, {"seed", row.seed}};
  for (const auto& [name, value] : row.score.named()) out[name] = value;  // NaN is written as null
  out["points"] = row.score.points;
  if (!row.score.branch.empty()) out["branch"] = row.score.branch;
  return out;
}

/// Median, best and worst of one case's seeds.
void print_summary(std::vector<Row> rows, bool json) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return rank(a) < rank(b); });
  const std::pair<const char*, const Row*> parts[] = {
      {"best", &rows.front()}, {"median", &rows[(rows.size() - 1) / 2]}, {"worst", &rows.back()}};
  if (!json) {
    for (const auto& [label, row] : parts) print_row(*row, label);
    return;
  }
  ordered_json out{
      {"case", rows.front().name}, {"dim", rows.front().dim}, {"method", rows.front().method}, {"seeds", rows.size()}};
  for (const auto& [label, row] : parts) out[label] = json_of(*row);
  print_json(out);
}

/// CASE-METHOD-SEED.png and .svg: source, target, images, and segments from some points to each of their draws.
void write_plots(const fs::path& folder, const Row& row, const eval::TruthResult& result) {
  if (result.x.size(1) != 2) return;
  constexpr int64_t from = 24;
  const int64_t draws = result.y.size(1);
  const auto ends = result.y.narrow(0, 0, from).flatten(0, 1);
  const auto starts = result.x.narrow(0, 0, from).repeat_interleave(draws, 0);
  const run::Scatter scatter{.source = result.x,
                             .target = result.target,
                             .images = result.y.select(1, 0),
                             .segments = torch::cat({starts, ends}, 1),
                             .title = row.name + ", " + row.method};
  const auto stem = folder / (row.name + "-" + row.method + "-" + std::to_string(row.seed));
  io::write_image(stem.string() + ".png", run::scatter_image(scatter, 480));
  real_files().replace(stem.string() + ".svg", run::scatter_svg(scatter, 480));
}

int truth_command(TruthCommand& command) {
  set_threads(command.common, /*recipe_threads=*/1);  // nets this small lose more by sharing their steps than they gain
  const auto log = log_sink(command.common);
  auto cases = command.cases;
  if (cases.empty()) {
    cases = eval::truth_names();
    if (command.options.pair.empty()) std::erase(cases, "w2bench");
    require(command.options.dim == 0, "--dim ", command.options.dim,
            ": not every case takes every dimension; name a CASE");
  }
  for (const auto& assignment : command.set) {
    // The answer stands for these data and this cost; seed and device have flags of their own.
    for (const char* fixed : {"source.", "target.", "method=", "otp.cost=", "weak.gamma",
                              "train.init=", "train.seed=", "train.threads=", "train.device="}) {
      require(!assignment.starts_with(fixed), "--set ", assignment,
              ": is fixed by the case or by a flag (--method, --seed, --threads, --device)");
    }
    // There is no run directory, and the score takes the place of evaluations.
    for (const char* unused : {"name=", "checkpoint.", "eval.", "samples.", "parallel."}) {
      require(!assignment.starts_with(unused), "--set ", assignment, ": has no effect on monge truth; leave it out");
    }
    // The answer is of the case's own coordinates, and of all that the map gives.
    for (const char* other : {"data.standardise=", "output."}) {
      require(!assignment.starts_with(other), "--set ", assignment,
              ": would score another map than the answer is of; leave it out");
    }
  }
  if (!command.plots.empty()) make_writable_folder(command.plots);
  // A wrong name or dimension is found before the first training.
  std::vector<eval::TruthCase> ready;
  for (const auto& name : cases) {
    auto truth = eval::truth_case(name, command.options);
    const auto device = device_of(command.common, truth.recipe.train.device);
    train::assign(truth.recipe, command.set);
    truth.recipe.train.precision = solve::resolve_precision(truth.recipe.train.precision, device, log);
    train::validate(truth.recipe);
    ready.push_back(std::move(truth));
  }
  watch_signals();
  bool diverged = false;
  if (!command.common.json) print_header();
  for (auto& truth : ready) {
    std::vector<Row> rows;
    for (int64_t k = 0; k < command.seeds; ++k) {
      truth.recipe.train.seed = command.seed + k;
      Watcher watcher(command.common, truth.name + " seed " + std::to_string(truth.recipe.train.seed));
      eval::TruthResult result;
      try {
        result = eval::run_truth(truth, device_of(command.common), stop_flag(), log, &watcher);
      } catch (const DivergedError& error) {
        log(LogLevel::warning, error.what());
        diverged = true;
        result.score = eval::TruthScore::unknown();
      }
      if (!result.complete) {
        log(LogLevel::warning, "stopped; the training in hand is not shown");
        return kStopped;
      }
      rows.push_back({truth.name, truth.recipe.method, truth.dim, truth.recipe.train.seed, result.score});
      if (command.common.json) {
        print_json(json_of(rows.back()));
      } else {
        print_row(rows.back(), std::to_string(rows.back().seed));
      }
      if (!command.plots.empty() && result.x.defined()) write_plots(command.plots, rows.back(), result);
    }
    if (rows.size() > 1) print_summary(std::move(rows), command.common.json);
  }
  return diverged ? kDiverged : kDone;
}

}  // namespace

void add_truth(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("truth", "Train on cases with a known answer and print how far from it the map ends");
  auto options = std::make_shared<TruthCommand>();
  std::string names;
  for (const auto& name : eval::truth_names()) names += (names.empty() ? "" : ", ") + name;
  command->footer(
      "cost error   | E|x - T(x)|^2 - W2^2 |, W2 the true distance\n"
      "target       W2^2 of outputs to target samples by the exact plan; floor: the same of target samples, what a "
      "perfect\n"
      "             map gets. Well above the floor the map misses its target\n"
      "L2-UVP       100 E|T - T*|^2 / Var Q, T* the true map (of a plan: its mean); cosine: of the displacements, 1 is "
      "best");
  command->add_option("CASE", options->cases, "Some of: " + names + "; all but w2bench when none is named");
  command->add_option("--dim", options->options.dim, "Dimension; default: the case's own")->check(CLI::PositiveNumber);
  command->add_option("--method", options->options.method, "Method; default: the case's own");
  command->add_option("--pair", options->options.pair, "The .safetensors file of w2bench");
  command->add_option("--seed", options->seed, "Of the training")->check(from_zero())->capture_default_str();
  command
      ->add_option("--seeds", options->seeds,
                   "Train with this many seeds from --seed on; median, best and worst are printed too")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--quick", options->options.quick, "Few iterations: all cases in about two minutes on two cores");
  command->add_option("--set", options->set, "Override a key of the case's recipe: section.key=value (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--plots", options->plots, "Folder for an image of every case in the plane (PNG and SVG)");
  add_common(*command, options->common);
  command->get_option("--threads")->description("CPU threads; 0 takes one, which is fastest for nets this small");
  command->callback([&action, options] { action = [options] { return truth_command(*options); }; });
}

}  // namespace monge::cli
