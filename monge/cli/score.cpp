// monge score: scores the outputs of any program on cases with a known answer, and samples between two measured sets.
#include "monge/session/score.h"

#include <cmath>
#include <cstdio>
#include <memory>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/eval/discrete_ot.h"
#include "monge/eval/target_verdict.h"
#include "monge/session/interpolation_score.h"

namespace monge::cli {
namespace {

using nlohmann::ordered_json;

struct ScoreCommand {
  Common common;
  session::ScoreOptions options;
};

struct InterpolationCommand {
  Common common;
  session::InterpolationOptions options;
};

ordered_json verdict_json(const eval::OutputScore& score) {
  const auto verdict = eval::verdict_of(score.decisive());
  return verdict == eval::TargetVerdict::unknown ? ordered_json()
                                                 : ordered_json(verdict == eval::TargetVerdict::reached);
}

ordered_json json_of(const session::ScoreOptions& options, const session::ScoreResult& result) {
  const auto& score = result.score;
  ordered_json out{{"case", result.name},
                   {"dim", result.dim},
                   {"inverse", options.inverse},
                   {"inputs", result.inputs},
                   {"outputs", options.outputs},
                   {"points", score.points},
                   {"samples_per_input", score.samples_per_input}};
  for (const auto& [name, value] : score.named()) out[name] = value;  // NaN is written as null
  out["target_points"] = score.target_points;
  if (!score.branch.empty()) out["branch"] = score.branch;
  out["reaches_target"] = verdict_json(score);
  out["verdict"] = "the map " + score.verdict();
  return out;
}

/// A line of the table; none if the value does not apply.
void print_score_line(const char* label, double value, const std::string& rest) {
  if (std::isfinite(value)) std::printf("%-14s %s%s\n", label, number(value, 5).c_str(), rest.c_str());
}

void print_score_table(const eval::OutputScore& s) {
  print_score_line("L2-UVP", s.l2_uvp, " %");
  print_score_line("cosine", s.cosine, "");
  print_score_line("cBW2-UVP", s.plan_uvp, text(" %, floor ", number(s.plan_uvp_floor, 5)));
  const auto least =
      std::isfinite(s.least_cost) ? text(", least ", number(s.least_cost, 5), ", error ", number(s.cost_error, 5)) : "";
  print_score_line("cost", s.cost, least);
  print_score_line("target", s.target.w2_squared,
                   text(", floor ", number(s.target.floor, 5), ", collapse ", number(s.target.collapse, 5)));
  print_score_line("energy", s.target.energy,
                   text(", floor ", number(s.target.energy_floor, 5), ", inputs ", number(s.energy_start, 5)));
  if (std::isfinite(s.plan_variance)) {
    const auto truth =
        std::isfinite(s.plan_variance_truth) ? ", optimal " + number(s.plan_variance_truth, 5) : std::string();
    print_score_line("plan variance", s.plan_variance, truth);
  }
  std::string branch;
  for (const double fraction : s.branch) branch += (branch.empty() ? "" : " ") + number(fraction, 2);
  if (!branch.empty()) std::printf("%-14s %s\n", "branch", branch.c_str());
  std::printf("%-14s the map %s\n", "verdict", s.verdict().c_str());
  std::fflush(stdout);
}

int score_command(const ScoreCommand& command) {
  const auto& options = command.options;
  require(!options.name.empty() && !options.outputs.empty(),
          "monge score needs a CASE and --outputs FILE; monge score --help lists the cases");
  end_on_signals();
  const auto result = session::score(options, compute_for(command.common), hooks_for(command.common));
  if (command.common.json) {
    print_json(json_of(options, result));
  } else {
    print_score_table(result.score);
  }
  return kDone;
}

int interpolation_command(const InterpolationCommand& command) {
  end_on_signals();
  const auto result =
      session::score_interpolation(command.options, compute_for(command.common), hooks_for(command.common));
  if (command.common.json) {
    ordered_json out{{"t", command.options.t}};
    for (const auto& [name, row] : result.rows) {
      for (const auto& [metric, value] : row.named()) out[name][metric] = value;
    }
    out["samples"] = {{"outputs", result.outputs}, {"between", result.between}, {"plan", result.midpoints}};
    out["plan_points"] = result.plan_points;
    out["bandwidth"] = result.bandwidth;
    print_json(out);
    return kDone;
  }
  std::printf("%-10s %10s %10s %10s %10s\n", "", "energy", "W1", "W2", "MMD^2");
  for (const auto& [name, row] : result.rows) {
    std::printf("%-10s %10s %10s %10s %10s\n", name.c_str(), number(row.energy, 4).c_str(), number(row.w1, 4).c_str(),
                number(row.w2, 4).c_str(), number(row.mmd_squared, 4).c_str());
  }
  std::fflush(stdout);
  log_sink(command.common)(LogLevel::info,
                           text(result.outputs, " outputs against ", result.between, " samples; W1 and W2 of ",
                                result.plan_points, " of each; kernel bandwidth ", number(result.bandwidth, 4)));
  return kDone;
}

/// The flags of both commands.
void add_score_flags(CLI::App& command, Common& common) {
  add_output_flags(command, common);
  command.add_option("--threads", common.threads, "CPU threads; 0: all cores")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
}

void add_interpolation(CLI::App& score, Action& action) {
  auto* command = score.add_subcommand(
      "interpolation", "Score samples between two measured sets, such as cells of a day between two days");
  auto options = std::make_shared<InterpolationCommand>();
  auto& o = options->options;
  command->footer(
      "outputs      the samples of FILE\n"
      "start, end   the two measured sets themselves\n"
      "plan         straight interpolation at t along the exact plan of random samples of start and end\n"
      "floor        two halves of the set between: the value of a perfect result\n"
      "energy       E|a - m| - 1/2 E|a - a'| - 1/2 E|m - m'|, Euclidean, all pairs, unbiased\n"
      "W1, W2       by the exact plan of --plan-points random samples; they depend on this number\n"
      "MMD^2        mean of five Gaussian kernels of 1/4 to 4 times the median distance; unbiased");
  command->add_option("--start", o.start, "Samples at t = 0: .npy, .npz, .csv, .parquet")->required();
  command->add_option("--end", o.end, "Samples at t = 1")->required();
  command->add_option("--between", o.between, "Measured samples at t")->required();
  command->add_option("--outputs", o.outputs, "The samples to score")->required();
  command->add_option("--t", o.t, "Time of --between, from 0 (the start) to 1 (the end)")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--plan-points", o.plan_points, "Most samples of each side in an exact plan")
      ->check(CLI::Range(int64_t{2}, eval::kMostPlanPoints))
      ->capture_default_str();
  command->add_option("--seed", o.seed, "Seed of the choice of these samples")
      ->check(from_zero())
      ->capture_default_str();
  add_score_flags(*command, options->common);
  command->callback([&action, options] { action = [options] { return interpolation_command(*options); }; });
}

}  // namespace

void add_score(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand(
      "score", "Score the outputs of any program on a case with a known solution, or between two measured sets");
  auto options = std::make_shared<ScoreCommand>();
  auto& o = options->options;
  std::string names;
  for (const auto& name : eval::truth_names()) names += (names.empty() ? "" : ", ") + name;
  command->footer(
      "monge truth CASE --write FOLDER writes the inputs for the other program.\n"
      "L2-UVP       100 E|m - T*|^2 / Var Q, T* the true map (for a plan: its mean), m the mean output of an input\n"
      "cosine       between the displacements of m and T*; 1 is best\n"
      "cBW2-UVP     W2^2 between Gaussians of the moments of the outputs of an input and of the true plan, / Var Q;\n"
      "             floor: of as many draws of the true plan\n"
      "cost         E|x - y|^2; least: that of the true map or plan\n"
      "target       W2^2 between outputs and target samples, by the exact plan; well above the floor: the map misses\n"
      "energy       the same by energy distance, which the verdict compares");
  command->add_option("CASE", o.name,
                      "A folder of monge truth CASE --write, a .safetensors pair of the Wasserstein-2 benchmark, or a "
                      "case: " +
                          names);
  command->add_option("--outputs", o.outputs,
                      "Outputs, row i of input i: .npy [N, D], or [N, K, D] with K samples per input; or a table");
  command->add_option("--inputs", o.inputs,
                      "Inputs of the outputs [N, D]; default: the folder's, or the standard inputs of --seed, which "
                      "monge truth CASE --write writes");
  command->add_option("--dim", o.dim, "Dimension; default: the case's own")->check(CLI::PositiveNumber);
  command->add_option("--epsilon", o.epsilon, "Weight of the entropy of entropic-mixture; default: the folder's, or 1")
      ->check(CLI::Range(1e-3, 1e3));
  command->add_option("--pair", o.pair, "The .safetensors file of w2bench; default: the one that the folder names");
  command->add_option("--seed", o.seed, "Seed of the standard inputs")->check(from_zero())->capture_default_str();
  command->add_flag("--inverse", o.inverse,
                    "The outputs estimate the inverse map: their inputs are T*(x), and x is the right output");
  add_score_flags(*command, options->common);
  add_interpolation(*command, action);
  command->callback([&action, options, command] {
    if (command->get_subcommands().empty()) action = [options] { return score_command(*options); };
  });
}

}  // namespace monge::cli
