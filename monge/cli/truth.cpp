// monge truth: trains on cases with a known answer and prints how far from the answer a method ends.
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
#include "monge/session/score.h"
#include "monge/session/truth.h"
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
  std::string plots, write;
  int64_t points = 16384;
};

/// The progress line of one training.
class TruthProgress : public train::Observer {
 public:
  TruthProgress(const Common& common, std::string label) : common_(common), label_(std::move(label)) {}

  void started(train::Trainer& trainer, int64_t) override {
    progress_ =
        std::make_unique<Progress>(std::cerr, progress_style(common_), label_, trainer.recipe().train.iterations);
  }
  bool needs_nets(const train::Trainer&, int64_t) const override { return false; }
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

/// The value by which rows of one case are ranked: the distance to the known map if there is one, else to the target.
/// A training that diverged is the worst.
double rank(const Row& row) {
  const double distance = std::isfinite(row.score.l2_uvp) ? row.score.l2_uvp : row.score.target_error;
  return std::isfinite(distance) ? distance : std::numeric_limits<double>::infinity();
}

void print_header() {
  std::printf("%-20s %4s %-7s %6s %11s %11s %11s %9s %9s %8s %8s %8s\n", "case", "dim", "method", "seed", "cost error",
              "target", "floor", "L2-UVP %", "inverse %", "plan %", "cosine", "seconds");
  std::fflush(stdout);
}

void print_row(const Row& row, const std::string& seed) {
  const auto cell = [](double value, const char* format) {
    char out[32] = "-";
    if (std::isfinite(value)) std::snprintf(out, sizeof out, format, value);
    return std::string(out);
  };
  const auto& s = row.score;
  std::printf("%-20s %4lld %-7s %6s %11s %11s %11s %9s %9s %8s %8s %8s\n", row.name.c_str(),
              static_cast<long long>(row.dim), row.method.c_str(), seed.c_str(), cell(s.cost_error, "%.5g").c_str(),
              cell(s.target_error, "%.5g").c_str(), cell(s.target_floor, "%.5g").c_str(),
              cell(s.l2_uvp, "%.4g").c_str(), cell(s.inverse_l2_uvp, "%.4g").c_str(), cell(s.plan_uvp, "%.3g").c_str(),
              cell(s.cosine, "%.4f").c_str(), cell(s.seconds, "%.1f").c_str());
  std::fflush(stdout);
}

ordered_json json_of(const Row& row) {
  ordered_json out{{"case", row.name}, {"dim", row.dim}, {"method", row.method}, {"seed", row.seed}};
  for (const auto& [name, value] : row.score.named()) out[name] = value;  // NaN is written as null
  out["points"] = row.score.points;
  if (!row.score.branch.empty()) out["branch"] = row.score.branch;
  return out;
}

/// Prints the best, median and worst of one case's seeds.
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

/// Writes CASE-METHOD-SEED.png and .svg: source, target and outputs, and segments from some points to their outputs.
void write_plots(const fs::path& folder, const Row& row, const eval::TruthResult& result) {
  if (result.x.size(1) != 2) return;
  constexpr int64_t from = 24;
  const int64_t samples_per_input = result.y.size(1);
  const auto ends = result.y.narrow(0, 0, from).flatten(0, 1);
  const auto starts = result.x.narrow(0, 0, from).repeat_interleave(samples_per_input, 0);
  const run::Scatter scatter{.source = result.x,
                             .target = result.target,
                             .images = result.y.select(1, 0),
                             .segments = torch::cat({starts, ends}, 1),
                             .title = row.name + ", " + row.method};
  const auto stem = folder / (row.name + "-" + row.method + "-" + std::to_string(row.seed));
  io::write_image(stem.string() + ".png", run::scatter_image(scatter, 480));
  real_files().replace(stem.string() + ".svg", run::scatter_svg(scatter, 480));
}

void print_score(const Row& row, const Common& common) {
  if (common.json) {
    print_json(json_of(row));
  } else {
    print_row(row, std::to_string(row.seed));
  }
}

/// The cases that the user named, or all. Each is checked before the first training.
std::vector<eval::TruthCase> chosen_cases(const TruthCommand& command, const session::Compute& compute,
                                          const LogSink& log) {
  auto names = command.cases;
  if (names.empty()) {
    names = eval::truth_names();
    if (command.options.pair.empty()) std::erase(names, "w2bench");
    require(command.options.dim == 0, "--dim ", command.options.dim,
            ": not every case supports every dimension; name a CASE");
  }
  std::vector<eval::TruthCase> out;
  for (const auto& name : names) {
    out.push_back(session::truth_case(name, command.options, command.set, compute, log));
  }
  return out;
}

/// Writes the samples of one case for another program; nothing is trained.
int write_samples(const TruthCommand& command) {
  require(command.cases.size() == 1, "--write ", command.write, ": name one CASE, not ", command.cases.size());
  session::write_truth_case(command.cases[0], command.options, command.points, command.seed, command.write,
                            hooks_for(command.common));
  if (command.common.json) print_json(ordered_json::parse(real_files().read(fs::path(command.write) / "case.json")));
  return kDone;
}

int truth_command(TruthCommand& command) {
  if (!command.write.empty()) return write_samples(command);
  auto& group = dist::ProcessGroup::single();
  const auto compute = compute_for(command.common, group);
  auto hooks = hooks_for(command.common, group);
  hooks.progress = {};  // each training has a line of its own
  const auto cases = chosen_cases(command, compute, hooks.log);
  if (!command.plots.empty()) make_writable_folder(command.plots);
  watch_signals(group);
  bool diverged = false;
  if (!command.common.json) print_header();
  for (const auto& truth : cases) {
    std::vector<Row> rows;
    for (int64_t k = 0; k < command.seeds; ++k) {
      const int64_t seed = command.seed + k;
      TruthProgress progress(command.common, truth.name + " seed " + std::to_string(seed));
      eval::TruthResult result;
      try {
        result = session::truth(truth, seed, compute, hooks, &progress);
      } catch (const DivergedError& error) {
        hooks.log(LogLevel::warning, error.what());
        diverged = true;
        result.score = eval::TruthScore::unknown();
      }
      if (!result.complete) {
        hooks.log(LogLevel::warning, "stopped; the unfinished training is not printed");
        return kStopped;
      }
      rows.push_back(
          {.name = truth.name, .method = truth.recipe.method, .dim = truth.dim, .seed = seed, .score = result.score});
      print_score(rows.back(), command.common);
      if (!command.plots.empty() && result.x.defined()) write_plots(command.plots, rows.back(), result);
    }
    if (rows.size() > 1) print_summary(std::move(rows), command.common.json);
  }
  return diverged ? kDiverged : kDone;
}

}  // namespace

void add_truth(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("truth", "Train on cases with a known solution and print the error of the trained map");
  auto options = std::make_shared<TruthCommand>();
  std::string names;
  for (const auto& name : eval::truth_names()) names += (names.empty() ? "" : ", ") + name;
  command->footer(
      "cost error   | E|x - T(x)|^2 - W2^2 |, W2 the true distance\n"
      "target       W2^2 between outputs and target samples, by the exact plan; well above the floor: the map misses\n"
      "floor        W2^2 between two sets of target samples: the value of a perfect map\n"
      "L2-UVP       100 E|T - T*|^2 / Var Q, T* the true map (for a plan: its mean)\n"
      "inverse      100 E|S(T*(x)) - x|^2 / Var P of the inverse map S (train.directions = \"both\")\n"
      "plan         cBW2-UVP: W2^2 between Gaussians of the moments of 1,000 outputs and of the true plan, mean over\n"
      "             500 inputs, / Var Q; --json has its floor, the same of 1,000 draws of the true plan\n"
      "cosine       between the displacements of T and T*; 1 is best");
  command->add_option("CASE", options->cases, "Cases: " + names + "; default: all except w2bench");
  command->add_option("--dim", options->options.dim, "Dimension; default: the case's own")->check(CLI::PositiveNumber);
  command->add_option("--method", options->options.method, "Method; default: the case's own");
  command->add_option("--pair", options->options.pair, "The .safetensors file of w2bench");
  command->add_option("--epsilon", options->options.epsilon, "Weight of the entropy of entropic-mixture; default: 1")
      ->check(CLI::Range(1e-3, 1e3));
  command->add_option("--seed", options->seed, "Seed of the training, or of the samples of --write")
      ->check(from_zero())
      ->capture_default_str();
  command
      ->add_option("--seeds", options->seeds,
                   "Number of seeds to train with, starting at --seed; also prints the median, best and worst")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--quick", options->options.quick, "Few iterations: all cases in about two minutes on two cores");
  command->add_option("--set", options->set, "Override a key of the case's recipe: section.key=value (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--plots", options->plots, "Folder for a plot (PNG and SVG) of every two-dimensional case");
  auto* write = command->add_option("--write", options->write,
                                    "Train nothing: write inputs and target samples of one CASE to this folder for "
                                    "another program, whose outputs monge score FOLDER --outputs FILE then scores");
  for (const char* other : {"--method", "--seeds", "--quick", "--set", "--plots"}) {
    write->excludes(command->get_option(other));
  }
  command->add_option("--points", options->points, "Number of inputs and of target samples of --write")
      ->check(CLI::Range(2, 1 << 22))
      ->capture_default_str()
      ->needs(write);
  add_common(*command, options->common);
  command->get_option("--threads")
      ->description(
          "CPU threads; 0: those of the case: all cores for w2bench, else one, which is fastest for small nets");
  command->callback([&action, options] { action = [options] { return truth_command(*options); }; });
}

}  // namespace monge::cli
