#include "monge/session/training.h"

#include <ATen/Parallel.h>

#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/number.h"
#include "monge/dist/nccl.h"
#include "monge/eval/held_out_evaluator.h"
#include "monge/model/initialise.h"
#include "monge/run/data_record.h"
#include "monge/run/run_directory.h"
#include "monge/session/root_first.h"
#include "monge/session/training_run.h"
#include "monge/solve/memory.h"
#include "monge/solve/nets.h"
#include "monge/solve/precision.h"
#include "monge/solve/settings.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/resume_changes.h"
#include "monge/train/source_check.h"
#include "monge/train/trainer.h"
#include "monge/train/training_data.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// Sets up sums over the GPUs of the group, of which this rank's is `device`.
void use_device(dist::ProcessGroup& group, torch::Device device, const train::Recipe& recipe) {
  if (!group.launched()) return;
  group.require_same("--device", device.is_cuda() ? "cuda" : "cpu");
  group.require_same("train.precision", recipe.train.precision);  // "auto" depends on the GPU
  if (device.is_cuda() && group.size() > 1) group.use_gpu(dist::make_nccl_sums(group, device));
}

/// The setup that train and resume have in common: threads, device, precision, LibTorch's settings and sums over GPUs,
/// in this order, because each depends on the ones before.
/// @param recipe  its train.precision is resolved.
torch::Device set_up(train::Recipe& recipe, int64_t recipe_threads, const Compute& compute, const LogSink& log) {
  set_threads(compute, recipe_threads);
  const auto device = choose_device(compute, recipe.train.device);
  recipe.train.precision = solve::resolve_precision(recipe.train.precision, device, log);
  solve::apply_settings(recipe.train, device);
  solve::keep_freed_memory();
  use_device(compute.group, device, recipe);
  return device;
}

/// The weights of train.init, and what the data need to know of their map on all ranks.
struct InitialState {
  std::optional<model::InitialWeights> weights;  ///< on the root
  std::optional<data::Standardisation> standardisation;
  data::ColumnNames columns;
};

/// Reads train.init on the root and broadcasts the standardisation and the columns of its map.
/// @param recipe  its "auto" ranges of images become those of the map.
InitialState read_initial_state(train::Recipe& recipe, dist::ProcessGroup& group, const LogSink& log) {
  InitialState out;
  if (recipe.train.init.empty()) return out;
  if (group.is_root()) {
    out.weights = model::read_initial_weights(recipe, log);
    out.standardisation = out.weights->standardisation;
    out.columns = out.weights->columns;
    model::inherit_ranges(recipe, *out.weights, log);
  }
  if (group.size() == 1) return out;
  out.standardisation = train::broadcast_from_root(group, out.standardisation);
  const auto columns = ordered_json::parse(
      group.broadcast(ordered_json{{"source", out.columns.source}, {"target", out.columns.target}}.dump()));
  recipe.source.range = group.broadcast(recipe.source.range);
  recipe.target.range = group.broadcast(recipe.target.range);
  out.columns = {columns.at("source").get<std::vector<std::string>>(),
                 columns.at("target").get<std::vector<std::string>>()};
  return out;
}

/// A training that is ready to begin: no value of its recipe is "auto" any more, and its data are open.
struct Prepared {
  train::Recipe recipe;
  torch::Device device = torch::kCPU;
  train::TrainingData data;
  model::StartingState initial;  ///< of train.init; on the root
};

Prepared prepare(TrainRequest request, const Compute& compute, const TrainHooks& hooks) {
  auto& group = compute.group;
  Prepared out{.recipe = std::move(request.recipe), .data = {}, .initial = {}};
  auto& recipe = out.recipe;
  if (hooks.recipe_read) hooks.recipe_read(recipe);
  // The recipe of the run records these choices, so that a resumed run makes the same ones.
  out.device = set_up(recipe, recipe.train.threads, compute, hooks.log);
  recipe.train.threads = at::get_num_threads();
  recipe.train.device = out.device.is_cuda() ? "cuda" : "cpu";
  auto start = read_initial_state(recipe, group, hooks.log);
  out.data = train::open_training_data(recipe,
                                       {.log = hooks.log,
                                        .progress = hooks.progress_of("reading images"),
                                        .standardisation = start.standardisation,
                                        .columns = start.columns,
                                        .source = request.source,
                                        .target = request.target},
                                       group);
  train::resolve_images(recipe, out.data);
  const auto& source = *out.data.source;
  const auto penalty = solve::resolve_penalty(recipe, source.item_shape());
  if (!penalty.empty()) hooks.log(LogLevel::info, penalty);
  train::AugmentationControl::make(recipe, out.data);  // throws if the two do not fit each other
  const auto shape = train::measure_source(source, static_cast<uint64_t>(recipe.train.seed));
  train::resolve_noise_level(recipe, shape, source.size(), hooks.log);
  train::advise(shape, recipe, hooks.log);
  if (start.weights) {
    out.initial = model::starting_state(*start.weights, recipe, source.item_shape(), out.data.target->item_shape());
  }
  return out;
}

void report_initial_state(const model::StartingState& initial, const LogSink& log) {
  for (const auto& [level, line] : initial.messages) log(level, line);
}

std::string facts(train::Trainer& trainer) {
  auto& solver = trainer.solver();
  return text("method ", trainer.recipe().method, ", tau ", number(solver.tau()), ", map ",
              nn::parameter_count(solver.map()), " and potential ", nn::parameter_count(solver.potential()),
              " parameters, on ", solver.device().str(), " with ", at::get_num_threads(), " threads");
}

}  // namespace

train::Recipe read_recipe(const fs::path& path, const std::vector<std::string>& assignments,
                          dist::ProcessGroup& group) {
  if (!group.launched()) return train::read_recipe(path, assignments);
  train::Recipe recipe;
  if (group.is_root()) {
    recipe = train::read_recipe(path, assignments);
    dist::slice_of_batch(recipe.train.batch, group);
    train::make_paths_absolute(recipe);
  }
  const auto text = group.is_root() ? recipe.options().to_toml(false) : std::string();
  return train::parse_recipe(group.broadcast(text), path.string());
}

TrainPlan plan_training(TrainRequest request, const Compute& compute, const TrainHooks& given_hooks) {
  const auto hooks = with_log_on_root(given_hooks, compute.group);
  auto prepared = prepare(std::move(request), compute, hooks);
  report_initial_state(prepared.initial, hooks.log);
  eval::make_image_evaluator(prepared.recipe, prepared.device);  // throws for missing weights
  const auto& recipe = prepared.recipe;
  const auto& data = prepared.data;
  const auto nets = solve::make_nets(recipe, data.source->item_shape(), data.target->item_shape());
  const auto memory = solve::measure_memory(recipe, data.source->item_shape());
  return {.recipe = recipe,
          .source = data.source,
          .target = data.target,
          .map_parameters = nn::parameter_count(*nets.map),
          .potential_parameters = nn::parameter_count(*nets.potential),
          .state_bytes = memory.state,
          .step_bytes = memory.step};
}

TrainResult train(TrainRequest request, const Compute& compute, const TrainHooks& given_hooks) {
  auto& group = compute.group;
  const auto hooks = with_log_on_root(given_hooks, group);
  const fs::path out = request.out, runs = request.runs;
  const bool in_memory = request.in_memory;
  auto prepared = prepare(std::move(request), compute, hooks);
  auto& recipe = prepared.recipe;
  const auto evaluator = eval::make_image_evaluator(recipe, prepared.device);
  {
    // Checks all that a trainer and an evaluation check, before a folder is made.
    train::Trainer trial(recipe, prepared.data, prepared.device, "", silent(), real_files(), compute.group);
    eval::HeldOutEvaluator({}, evaluator.get()).try_out(trial);
  }
  train::make_paths_absolute(recipe);  // so that the run can be resumed and evaluated from any folder
  const bool starts_from_weights = !recipe.train.init.empty();
  if (in_memory || !group.is_root()) {
    train::Trainer trainer(recipe, prepared.data, prepared.device, "", in_memory ? hooks.log : silent(), real_files(),
                           compute.group);
    if (starts_from_weights) trainer.start_from(prepared.initial.tensors);
    if (in_memory) report_initial_state(prepared.initial, hooks.log);
    return run_training(trainer, evaluator.get(), hooks, hooks.log);
  }
  const auto [folder, lock] = run::create_run(runs, out, recipe, prepared.device);
  const auto log = run::log_to_file(folder, hooks.log);
  run::write_data_record(folder, prepared.data);
  train::Trainer trainer(recipe, prepared.data, prepared.device, folder, log, real_files(), compute.group);
  log(LogLevel::info, "run " + folder.string());
  log(LogLevel::info, facts(trainer));
  if (starts_from_weights) trainer.start_from(prepared.initial.tensors);
  report_initial_state(prepared.initial, log);
  prepared.initial = {};
  return run_training(trainer, evaluator.get(), hooks, log);
}

TrainResult resume(const ResumeRequest& request, const Compute& compute, const TrainHooks& given_hooks) {
  auto& group = compute.group;
  const auto hooks = with_log_on_root(given_hooks, group);
  const bool is_root = group.is_root();
  const auto& folder = request.folder;
  auto log = hooks.log;
  std::error_code ignored;
  require(!is_root || fs::exists(folder / "checkpoints", ignored), folder.string(),
          ": is not a run directory (it has no checkpoints/)");
  train::require_changeable(request.assignments);
  FileLock lock;
  std::optional<train::Checkpoint> checkpoint;
  if (is_root) {
    make_writable_folder(folder);
    lock = run::lock_run(folder);
    log = run::log_to_file(folder, log);
    checkpoint = train::load_newest(folder / "checkpoints", log);
  }
  checkpoint = train::broadcast_from_root(group, std::move(checkpoint));
  const auto before = train::saved_recipe(checkpoint->recipe_toml, (folder / "recipe.toml").string());
  auto recipe = before;
  train::assign(recipe, request.assignments);
  solve::keep_annealing(recipe, before.train.iterations);
  for (const auto& line : train::changes_of_updates(before, recipe, checkpoint->iteration)) {
    log(LogLevel::warning, line);
  }
  train::validate(recipe);
  train::make_paths_absolute(recipe);  // the assignments may have brought relative ones
  dist::slice_of_batch(recipe.train.batch, group, /*may_change=*/false);
  if (hooks.recipe_read) hooks.recipe_read(recipe);
  // The recorded number of threads belongs to the machine on which the run began, and to the number of ranks there.
  const bool inherited = group.launched() && recipe.train.threads == before.train.threads;
  const auto device = set_up(recipe, inherited ? 0 : recipe.train.threads, compute, log);
  const auto data = train::open_training_data(recipe,
                                              {.log = log,
                                               .progress = hooks.progress_of("reading images"),
                                               .standardisation = checkpoint->standardisation,
                                               .columns = checkpoint->columns,
                                               .source = request.source,
                                               .target = request.target},
                                              group);
  const auto evaluator = eval::make_image_evaluator(recipe, device);
  train::Trainer trainer(recipe, data, device, is_root ? folder : fs::path(), log, real_files(), compute.group);
  trainer.resume(*checkpoint);
  if (is_root) run::write_data_record(folder, data);  // the data may have moved
  // Metrics fall with the number of samples and depend on the clamping of outputs, so they do not compare any more.
  if (before.eval.samples != recipe.eval.samples || before.output.range != recipe.output.range) trainer.forget_best();
  checkpoint.reset();  // frees memory: it is as large as the trainer's own copy of the state
  if (is_root && trainer.done() < recipe.train.iterations) {
    real_files().replace(folder / "recipe.toml", train::Recipe(trainer.recipe()).options().to_toml(true));
  }
  log(LogLevel::info,
      text("resumed ", folder.string(), " at iteration ", trainer.done(), " of ", recipe.train.iterations));
  if (trainer.done() >= recipe.train.iterations && !trainer.evaluation_due()) {
    log(LogLevel::info, "nothing is left to do; train longer with --set train.iterations=N");
  }
  return run_training(trainer, evaluator.get(), hooks, log);
}

}  // namespace monge::session
