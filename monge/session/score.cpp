#include "monge/session/score.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/core/number.h"
#include "monge/core/random.h"
#include "monge/data/open.h"
#include "monge/eval/target_verdict.h"
#include "monge/io/npy.h"
#include "monge/session/samples_file.h"
#include "monge/session/summary.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kInputsFile = "inputs.npy";
constexpr const char* kTargetFile = "target.npy";
constexpr const char* kTruthFile = "truth.npy";
constexpr const char* kCaseFile = "case.json";

/// A case, and the folder of its samples if it has one.
struct NamedCase {
  eval::TruthCase truth;
  fs::path folder = {};
};

std::shared_ptr<const data::Source> open_side(const train::SourceSection& side) {
  data::SourceOptions options;
  options.path = side.path;
  return data::open_source(options);
}

[[noreturn]] void refuse_case(const std::string& name) {
  auto known = eval::truth_names();
  known.push_back("interpolation");
  throw InputError({.what = "no case and no folder of this name",
                    .value = '"' + name + '"',
                    .allowed = join(known) + "; a .safetensors pair of the Wasserstein-2 benchmark; a folder that "
                                             "monge truth CASE --write FOLDER made",
                    .fix = suggestion(name, known)});
}

/// The case of a folder.
NamedCase read_case(const fs::path& folder, const ScoreOptions& options) {
  const auto file = folder / kCaseFile;
  const auto json = nlohmann::json::parse(real_files().read(file), nullptr, /*allow_exceptions=*/false);
  const bool fits = json.is_object() && json.contains("case") && json["case"].is_string() && json.contains("dim") &&
                    json["dim"].is_number_integer();
  if (!fits) {
    throw InputError({.what = "does not name a case and its dimension",
                      .where = file.string(),
                      .fix = "write it anew by monge truth CASE --write FOLDER"});
  }
  eval::TruthOptions truth;
  truth.dim = json["dim"].get<int64_t>();
  truth.pair = options.pair;
  if (truth.pair.empty() && json.contains("pair") && json["pair"].is_string()) {
    truth.pair = json["pair"].get<std::string>();
  }
  if (json.contains("epsilon") && json["epsilon"].is_number()) truth.epsilon = json["epsilon"].get<double>();
  require(options.epsilon == 0 || options.epsilon == truth.epsilon, "--epsilon ", options.epsilon, ": the case of ",
          file.string(), " has its own, ", truth.epsilon, "; leave --epsilon out");
  require(options.dim == 0 || options.dim == truth.dim, "--dim ", options.dim, ": the case of ", file.string(),
          " has the dimension ", truth.dim, "; leave --dim out");
  return {eval::truth_case(json["case"].get<std::string>(), truth), folder};
}

NamedCase find_case(const ScoreOptions& options) {
  std::error_code ignored;
  const auto known = eval::truth_names();
  const bool is_name = std::count(known.begin(), known.end(), options.name) > 0;
  if (fs::exists(fs::path(options.name) / kCaseFile, ignored)) return read_case(options.name, options);
  eval::TruthOptions truth;
  truth.dim = options.dim;
  truth.pair = options.pair;
  truth.epsilon = options.epsilon;
  if (is_name) return {eval::truth_case(options.name, truth)};
  if (lower_extension(options.name) == ".safetensors") {
    require(options.pair.empty(), "--pair ", options.pair, ": ", options.name, " is a pair already; leave --pair out");
    truth.pair = options.name;
    return {eval::truth_case("w2bench", truth)};
  }
  if (fs::is_directory(options.name, ignored)) {
    throw InputError({.what = "this folder holds no case.json",
                      .where = options.name,
                      .fix = "monge truth CASE --write FOLDER makes a folder of a case"});
  }
  refuse_case(options.name);
}

/// [N, K, D] of the outputs.
torch::Tensor read_outputs(const ScoreOptions& options, const eval::TruthCase& truth, const LogSink& log) {
  auto y = read_samples(options.outputs, "--outputs", log).values;
  if (y.dim() == 2) y = y.unsqueeze(1);
  if (y.size(2) != truth.dim || y.size(0) < 2) {
    throw InputError(
        {.what = text("the outputs do not fit the case \"", truth.name, "\" of dimension ", truth.dim),
         .where = "--outputs " + options.outputs,
         .value = y.size(1) == 1 ? text('[', y.size(0), ", ", y.size(2), ']') : text(y.sizes()),
         .allowed =
             text("[N, ", truth.dim, "] with N of 2 or more, or [N, K, ", truth.dim, "] with K samples per input"),
         .fix = y.size(2) != truth.dim && truth.name != "w2bench" ? "--dim chooses the case's dimension" : ""});
  }
  return y;
}

/// Inputs of a file, [N, D], as many as outputs.
torch::Tensor read_inputs(const std::string& path, const std::string& role, int64_t dim, const torch::Tensor& y_NKD,
                          const LogSink& log) {
  const auto x = read_samples(path, role, log).values;
  if (x.dim() != 2 || x.size(1) != dim) {
    throw InputError({.what = "the inputs do not fit the case",
                      .where = role + " " + path,
                      .value = text(x.sizes()),
                      .allowed = text("[N, ", dim, "]")});
  }
  if (x.size(0) != y_NKD.size(0)) {
    throw InputError({.what = "there must be one row of outputs for each input",
                      .where = "--outputs",
                      .value = text(y_NKD.size(0), " rows"),
                      .allowed = text(x.size(0), ", as in ", path)});
  }
  return x;
}

/// Whether the inputs are samples of the law; by energy distance, on at most 2,048 of them.
bool are_samples_of(const data::Source& law, const torch::Tensor& x_ND) {
  const RandomStreams streams(0);
  const int64_t n = std::min<int64_t>(2048, x_ND.size(0));
  const auto order = torch::randperm(x_ND.size(0), streams.at("score check order", 0), torch::kInt64);
  const auto some = x_ND.index_select(0, order.narrow(0, 0, n));
  const auto a = law.draw(n, streams.at("score check a", 0));
  constexpr int64_t kFloors = 8;
  constexpr double kFarAbove = 6;  // floors; in one dimension one sample of a hundred of the law exceeds 3
  double floor = 0;
  for (int64_t k = 0; k < kFloors; ++k) {
    floor += eval::energy_distance(law.draw(n, streams.at("score check b", k)), a) / static_cast<double>(kFloors);
  }
  return eval::energy_distance(some, a) <= kFarAbove * floor;
}

/// The folder's truth must be that of the case, whose pair may have been exchanged.
void check_truth_file(const NamedCase& named, const eval::KnownProblem& problem) {
  const auto file = named.folder / kTruthFile;
  std::error_code ignored;
  if (!problem.answer_ND.defined() || !fs::exists(file, ignored)) return;
  const auto truth = read_samples(file.string(), "the folder's", silent()).values;
  const bool same = truth.sizes() == problem.answer_ND.sizes() &&
                    eval::mean_square_gap(truth, problem.answer_ND) <= 1e-6 * problem.target_variance;
  if (same) return;
  throw InputError({.what = "this is not the optimal output of the folder's inputs",
                    .where = file.string(),
                    .fix = "write the folder anew, or name the pair that it was made of by --pair"});
}

/// @param has_exact_floor  the map is known, so that few outputs do not scatter about the floor.
void warn_about(const ScoreOptions& options, const eval::OutputScore& score, bool has_exact_floor, const LogSink& log) {
  constexpr int64_t kEnough = 8 * eval::kTruthPoints;
  const int64_t outputs = score.points * score.samples_per_input;
  if (!has_exact_floor && outputs < kEnough) {
    log(LogLevel::warning, text("only ", outputs, " outputs: distances to the target and the verdict scatter; ",
                                kEnough, " or more are better"));
  }
  constexpr double kMostlyThere = 0.5;  // of the way to the target is left
  if (score.l2_uvp > 100 && eval::remaining_fraction(score.decisive()) < kMostlyThere) {
    log(LogLevel::warning, text("the outputs come near the target, but are farther from the optimal ones than the "
                                "target's mean is; is row i of ",
                                options.outputs, " the output of input i, and of these inputs?"));
  }
  if (score.l2_uvp_noise > 0.1 * score.l2_uvp) {
    log(LogLevel::warning, text("of the L2-UVP, about ", number(score.l2_uvp_noise, 3), " is the noise of a mean of ",
                                score.samples_per_input, " samples per input; give more of them"));
  } else if (score.samples_per_input == 1 && std::isfinite(score.plan_variance_truth)) {
    log(LogLevel::warning,
        "the optimal plan has several outputs per input, and L2-UVP and cosine are of their mean; give [N, K, D]");
  }
}

}  // namespace

void write_truth_case(const std::string& name, const eval::TruthOptions& options, int64_t points, int64_t seed,
                      const fs::path& folder, const Hooks& hooks) {
  constexpr int64_t kMost = int64_t{1} << 22;
  require(points >= 2 && points <= kMost, "--points ", points, ": allowed is 2 to ", kMost);
  require(seed >= 0, "--seed ", seed, ": allowed is 0 or more");
  const auto truth = eval::truth_case(name, options);
  make_writable_folder(folder);
  std::error_code ignored;  // a folder that cannot be written fails with the system's reason at the first file
  for (const char* file : {kInputsFile, kTargetFile, kTruthFile}) {
    if (!fs::exists(folder / file, ignored) || fs::exists(folder / kCaseFile, ignored)) continue;
    throw InputError({.what = "this file would be replaced, and it is not of a case",
                      .where = (folder / file).string(),
                      .fix = "choose another folder"});
  }
  remove_entry(folder / kCaseFile, ignored);
  remove_entry(folder / kTruthFile, ignored);
  const auto stream = static_cast<uint64_t>(seed);
  const auto x = eval::standard_inputs(*open_side(truth.recipe.source), points, stream);
  io::write_npy(folder / kInputsFile, x);
  io::write_npy(folder / kTargetFile, eval::standard_targets(*open_side(truth.recipe.target), points, stream));
  if (truth.map) io::write_npy(folder / kTruthFile, truth.map(x.to(torch::kFloat64)).to(torch::kFloat32));
  ordered_json json{{"case", truth.name}, {"dim", truth.dim}, {"seed", seed}, {"points", points}};
  json["epsilon"] = truth.plan ? ordered_json(truth.plan->epsilon()) : ordered_json();
  json["pair"] = options.pair.empty() ? ordered_json() : ordered_json(fs::absolute(options.pair).string());
  json["truth"] = !truth.map                           ? ordered_json()
                  : std::isfinite(truth.plan_variance) ? ordered_json("mean of the plan")
                                                       : ordered_json("map");
  real_files().replace(folder / kCaseFile, json_text(json, 2) + "\n");
  hooks.log(LogLevel::info, text(truth.name, ", dimension ", truth.dim, ": ", points, " inputs and target samples",
                                 truth.map ? ", and the optimal outputs," : "", " written to ", folder.string()));
}

ScoreResult score(const ScoreOptions& options, const Compute& compute, const Hooks& hooks) {
  set_threads(compute);
  require(options.seed >= 0, "--seed ", options.seed, ": allowed is 0 or more");
  require(!options.inverse || options.inputs.empty(), "--inputs ", options.inputs,
          ": --inverse gives the inputs itself, because their optimal outputs must be known; leave --inputs out");
  const auto named = find_case(options);
  const auto& truth = named.truth;
  const auto y = read_outputs(options, truth, hooks.log);
  ScoreResult out{.name = truth.name, .dim = truth.dim, .inputs = {}, .score = {}};
  torch::Tensor x;
  if (!options.inputs.empty()) {
    x = read_inputs(options.inputs, "--inputs", truth.dim, y, hooks.log);
    out.inputs = options.inputs;
  } else if (!named.folder.empty()) {
    const auto file = (named.folder / kInputsFile).string();
    x = read_inputs(file, "the folder's", truth.dim, y, hooks.log);
    out.inputs = options.inverse ? (named.folder / kTruthFile).string() : file;
  } else {
    x = eval::standard_inputs(*open_side(truth.recipe.source), y.size(0), static_cast<uint64_t>(options.seed));
    out.inputs = text(options.inverse ? "the optimal outputs of " : "", "the standard inputs of seed ", options.seed);
  }
  const auto problem = options.inverse ? eval::inverse_problem(truth, x) : eval::known_problem(truth, x);
  if (!named.folder.empty() && options.inputs.empty()) check_truth_file(named, eval::known_problem(truth, x));
  hooks.log(LogLevel::info, text(options.inverse ? "inverse of " : "", truth.name, ", dimension ", truth.dim, ": ",
                                 y.size(0), " outputs, of ", out.inputs));
  if (!options.inputs.empty() && !are_samples_of(*problem.source, x)) {
    hooks.log(
        LogLevel::warning,
        text(
            options.inputs,
            ": these are no samples of the source; L2-UVP is of these inputs, and distances to the target say little"));
  }
  out.score = eval::score_outputs(problem, y, hooks.progress_of("comparing"));
  warn_about(options, out.score, truth.map && !std::isfinite(truth.plan_variance), hooks.log);
  return out;
}

}  // namespace monge::session
