// monge train and monge resume: a training with everything attached that watches it.
#include <ATen/Parallel.h>
#include <torch/types.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <deque>
#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/cli/job.h"
#include "monge/cli/summary.h"
#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/shell.h"
#include "monge/dist/nccl.h"
#include "monge/eval/evaluation.h"
#include "monge/model/initialise.h"
#include "monge/run/data_record.h"
#include "monge/run/metrics_file.h"
#include "monge/run/report.h"
#include "monge/run/run_directory.h"
#include "monge/run/sample_images.h"
#include "monge/solve/autocast.h"
#include "monge/solve/memory.h"
#include "monge/solve/nets.h"
#include "monge/solve/settings.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/resume_changes.h"
#include "monge/train/source_check.h"
#include "monge/train/trainer.h"

namespace monge::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct TrainOptions {
  Common common;
  std::string recipe, out, runs = "runs";
  std::vector<std::string> set;
  RanksHere here;
  bool dry_run = false, deterministic = false;
};

/// The status line of a training.
class StatusLine : public train::Observer {
 public:
  explicit StatusLine(const Common& common) : common_(common) {}

  void started(train::Trainer& trainer, int64_t /*iteration*/) override {
    waits_.clear();
    progress_ =
        std::make_unique<Progress>(std::cerr, progress_style(common_), "training", trainer.recipe().train.iterations);
  }
  bool looks_at_nets(const train::Trainer&, int64_t) const override { return false; }
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& f) override {
    progress_->update(done, "cost " + number(f.cost) + "  loss T " + number(f.loss_map) + "  loss f " +
                                number(f.loss_potential) + target_ + waiting(trainer));
  }
  void ended(train::Trainer&, int64_t, bool) override { finish(); }
  void finish() {
    if (progress_) progress_->finish();
  }

  /// The share of the last iterations' time that was spent waiting for data.
  std::string waiting(train::Trainer& trainer) {
    const std::pair now{Clock::now(), trainer.data_wait()};
    waits_.push_back(now);
    constexpr size_t kOf = 20;
    if (waits_.size() > kOf) waits_.pop_front();
    const double seconds = std::chrono::duration<double>(now.first - waits_.front().first).count();
    if (waits_.size() < 2 || seconds <= 0) return {};
    return text("  data ", number(std::round(1000 * (now.second - waits_.front().second) / seconds) / 10), " %");
  }

  void evaluated(const eval::Evaluation& evaluation) {
    target_ = "  target " + number(evaluation.target_error) + " (floor " + number(evaluation.target_floor) + ")";
  }

 private:
  Common common_;
  using Clock = std::chrono::steady_clock;
  std::unique_ptr<Progress> progress_;
  std::string target_;
  std::deque<std::pair<Clock::time_point, double>> waits_;  ///< when iterations ended, and the waiting until then
};

void print_dry_run(train::Recipe recipe, const train::TrainingData& data, const Common& common) {
  const auto nets = solve::make_nets(recipe, data.source->item_shape(), data.target->item_shape());
  const auto memory = solve::measure_memory(recipe, data.source->item_shape());
  const int64_t map = nn::parameter_count(*nets.map), potential = nn::parameter_count(*nets.potential);
  if (common.json) {
    print_json({{"recipe", recipe.options().to_toml(false)},
                {"parameters_map", map},
                {"parameters_potential", potential},
                {"source_items", data.source->size()},
                {"target_items", data.target->size()},
                {"bytes_state", memory.state},
                {"bytes_step", memory.step}});
    return;
  }
  const auto items = [](const data::Source& source) {
    return source.endless() ? std::string("endless") : std::to_string(source.size()) + " training items";
  };
  const auto mib = [](int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; };
  std::cout << recipe.options().to_toml(true) << "\n# source      " << data.source->name() << ", "
            << items(*data.source) << "\n# target      " << data.target->name() << ", " << items(*data.target)
            << "\n# map         " << map << " parameters\n# potential   " << potential << " parameters\n# memory      "
            << mib(memory.state) << " for weights, averages and moments, and " << mib(memory.step)
            << " for the largest step (measured on a "
            << "small batch)" << std::endl;
}

/// What another rank than 0 does of `conduct`: it trains and evaluates its part, and writes nothing.
int run_worker(train::Trainer& trainer, eval::ImageEvaluator* judge) {
  eval::HeldOutEvaluator held_out([](int64_t, const eval::Evaluation&) {}, judge);
  trainer.attach(held_out);
  return trainer.run(stop_flag()) ? kDone : kStopped;
}

std::string resume_hint_for(const fs::path& folder) {
  const auto checkpoints = train::list_checkpoints(folder / "checkpoints");
  return checkpoints.empty() ? "no checkpoint had been saved"
                             : "the last good checkpoint is " + checkpoints.back().string() +
                                   "; to go on from it: monge resume " + shell_quoted(folder.string());
}

/// Runs `trainer` with all observers to its end or a signal.
/// @param judge  of images; may be null.
int run_root(train::Trainer& trainer, eval::ImageEvaluator* judge, const Common& common, const LogSink& log) {
  if (trainer.group()) {
    const auto written_to = trainer.group()->broadcast(trainer.folder().string());
    if (!trainer.group()->is_root()) {  // where rank 0 is lost another one speaks, perhaps on a host without the folder
      set_resume_hint(
          [written_to] { return "to go on from the last checkpoint: monge resume " + shell_quoted(written_to); });
      return run_worker(trainer, judge);
    }
    set_resume_hint([folder = trainer.folder()] { return resume_hint_for(folder); });
  }
  const auto& folder = trainer.folder();
  StatusLine status(common);
  run::MetricsFile metrics(folder);
  run::SampleImages images;
  std::optional<eval::Evaluation> last;
  eval::HeldOutEvaluator held_out(
      [&](int64_t iteration, const eval::Evaluation& evaluation) {
        metrics.add(iteration, evaluation.named());
        status.evaluated(evaluation);
        last = evaluation;
      },
      judge);
  trainer.attach(metrics);
  trainer.attach(held_out);
  trainer.attach(status);  // after the evaluation, to show its figures and not the last one's
  trainer.attach(images);

  const int64_t before = trainer.done();
  const auto began = std::chrono::steady_clock::now();
  bool complete = false;
  try {
    complete = trainer.run(stop_flag());
  } catch (const Error&) {
    status.finish();
    try {
      if (!trainer.group()) log(LogLevel::warning, resume_hint_for(folder));  // in a job it is said with the verdict
      metrics.flush();
      run::write_report(folder);
    } catch (const std::exception&) {
      // On a full disk there is no report, and a file system that failed has no way on; the error that ended the run
      // matters more.
    }
    throw;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();

  metrics.flush();
  const Outcome outcome{complete, seconds, last, judge};
  auto summary = summary_of(trainer, outcome);
  if (last && last->target_verdict() == eval::TargetVerdict::missed) {
    log(LogLevel::warning,
        "the map " + last->verdict() + ". A small loss does not mean that it is reached. Train " +
            "longer; where the error does not fall any more, the solution is spurious: " +
            (trainer.recipe().method == "otp" ? "a larger otp.eps_start or otp.eps_end, potential.r1 = 0.2"
                                              : "method = \"otp\"") +
            " (docs/otp.md)");
  }
  if (std::error_code none; trainer.done() == before && fs::exists(folder / "summary.json", none)) {
    // Nothing was trained, so nothing was measured: what was found at the end still holds.
    auto old = ordered_json::parse(real_files().read(folder / "summary.json"), nullptr, false);
    if (old.is_object()) summary = std::move(old);
  }
  real_files().replace(folder / "summary.json", json_text(summary, 2) + "\n");
  run::write_report(folder);
  if (common.json) {
    print_json(summary);
  } else if (complete && !common.quiet) {
    print_summary(trainer, outcome);
  }
  if (complete) return kDone;
  log(LogLevel::info, "stopped after iteration " + std::to_string(trainer.done()) +
                          ", everything is saved; go on with\n  " + "monge resume " + shell_quoted(folder.string()));
  return kStopped;
}

std::string facts(train::Trainer& trainer) {
  auto& solver = trainer.solver();
  return text("method ", trainer.recipe().method, ", tau ", number(solver.tau()), ", map ",
              nn::parameter_count(solver.map()), " and potential ", nn::parameter_count(solver.potential()),
              " parameters, on ", solver.device().str(), " with ", at::get_num_threads(), " threads");
}

/// The recipe as rank 0 reads it.
train::Recipe read_on_rank_0(dist::ProcessGroup* group, const fs::path& path,
                             const std::vector<std::string>& assignments) {
  if (!group) return train::read_recipe(path, assignments);
  train::Recipe recipe;
  if (group->is_root()) {
    recipe = train::read_recipe(path, assignments);
    dist::slice_of_batch(recipe.train.batch, group);
    train::make_paths_absolute(recipe);
  }
  return train::parse_recipe(group->broadcast(group->is_root() ? recipe.options().to_toml(false) : std::string()),
                             path.string());
}

/// @param device  that of this rank; sums over GPUs are set up.
void use_device(dist::ProcessGroup* group, torch::Device device, const train::Recipe& recipe) {
  if (!group) return;
  group->require_same("--device", device.is_cuda() ? "cuda" : "cpu");
  group->require_same("train.precision", recipe.train.precision);  // auto goes by the GPU
  if (device.is_cuda() && group->size() > 1) group->use_gpu(dist::make_nccl_sums(*group, device));
}

/// Weights of train.init: rank 0 reads them, and all learn the units and the columns of its map.
struct Start {
  std::optional<model::InitialWeights> weights;  ///< on rank 0
  std::optional<data::Standardisation> units;
  data::ColumnNames columns;
};

/// @param recipe  gets the ranges of images that its data would else decide.
Start read_start(train::Recipe& recipe, dist::ProcessGroup* group, const LogSink& log) {
  Start out;
  if (recipe.train.init.empty()) return out;
  if (!group || group->is_root()) {
    out.weights = model::read_initial_weights(recipe, log);
    out.units = out.weights->standardisation;
    out.columns = out.weights->columns;
    model::take_ranges(recipe, *out.weights, log);
  }
  if (!group) return out;
  out.units = train::broadcast_from_root(*group, out.units);
  const auto told = ordered_json::parse(
      group->broadcast(ordered_json{{"source", out.columns.source}, {"target", out.columns.target}}.dump()));
  recipe.source.range = group->broadcast(recipe.source.range);
  recipe.target.range = group->broadcast(recipe.target.range);
  out.columns = {told.at("source").get<std::vector<std::string>>(), told.at("target").get<std::vector<std::string>>()};
  return out;
}

int train_command(TrainOptions options) {
  if (options.dry_run && is_idle_rank("train --dry-run")) return kDone;
  if (!options.dry_run) {
    if (const auto code = start_ranks(options.here)) return *code;
  }
  const auto group = options.dry_run ? nullptr : join_job(options.common);
  auto recipe = read_on_rank_0(group.get(), options.recipe, options.set);
  recipe.train.deterministic |= options.deterministic;
  set_job_timeout(recipe.parallel.timeout);
  set_threads(options.common, recipe.train.threads, group.get());
  const auto device = device_of(options.common, recipe.train.device, group.get());
  // Written down as it is decided, so that a resumed run does not decide anew.
  auto log = log_sink(options.common, group.get());
  recipe.train.precision = solve::resolve_precision(recipe.train.precision, device, log);
  recipe.train.threads = at::get_num_threads();
  recipe.train.device = device.is_cuda() ? "cuda" : "cpu";
  solve::apply_settings(recipe, device);
  solve::keep_freed_memory();
  if (!options.dry_run) watch_signals(group.get());  // a dry run has nothing to save: Ctrl-C ends it at once
  use_device(group.get(), device, recipe);
  auto start = read_start(recipe, group.get(), log);
  const auto data = train::open_training_data(recipe, log, progress_callback(options.common, "reading images"),
                                              start.units, group.get(), start.columns);
  train::resolve_images(recipe, data);
  const auto shape = train::measure_source(*data.source, static_cast<uint64_t>(recipe.train.seed));
  train::resolve_noise_level(recipe, shape, data.source->size(), log);
  train::advise(shape, recipe, log);
  model::StartingState initial;
  if (start.weights)
    initial = model::starting_state(*start.weights, recipe, data.source->item_shape(), data.target->item_shape());
  const auto report_initial_state = [&] {
    for (const auto& [level, line] : initial.messages) log(level, line);
  };
  start.weights.reset();
  if (options.dry_run) {
    report_initial_state();
    eval::make_image_evaluator(recipe, device);
    print_dry_run(recipe, data, options.common);
    return kDone;
  }
  // What does not fit together, or is not there, is found before a folder is made.
  const auto judge = eval::make_image_evaluator(recipe, device);
  {
    train::Trainer trial(recipe, data, device, "", silent(), real_files(), group);
    eval::HeldOutEvaluator({}, judge.get()).try_out(trial);
  }
  train::make_paths_absolute(recipe);  // so that resume and eval find them from anywhere
  if (group && !group->is_root()) {
    train::Trainer trainer(recipe, data, device, "", silent(), real_files(), group);
    if (!recipe.train.init.empty()) trainer.start_from({});
    return run_root(trainer, judge.get(), options.common, log);
  }
  const auto [folder, lock] = run::create_run(options.runs, options.out, recipe, device);
  log = run::log_to_file(folder, log);
  run::write_data_record(folder, data);
  train::Trainer trainer(recipe, data, device, folder, log, real_files(), group);
  log(LogLevel::info, "run " + folder.string());
  log(LogLevel::info, facts(trainer));
  if (!recipe.train.init.empty()) trainer.start_from(initial.tensors);
  report_initial_state();
  initial = {};
  return run_root(trainer, judge.get(), options.common, log);
}

int resume_command(TrainOptions options) {
  if (const auto code = start_ranks(options.here)) return *code;
  const auto group = join_job(options.common);
  const bool leads = !group || group->is_root();
  const fs::path folder = options.recipe;
  auto log = log_sink(options.common, group.get());
  std::error_code ignored;
  if (leads) {
    require(fs::exists(folder / "checkpoints", ignored), folder.string(),
            ": is not a run directory (it has no checkpoints/)");
  }
  train::require_changeable(options.set);
  std::optional<run::RunLock> lock;
  std::optional<train::Checkpoint> checkpoint;
  if (leads) {
    make_writable_folder(folder);
    lock.emplace(folder);
    log = run::log_to_file(folder, log);
    checkpoint = train::load_newest(folder / "checkpoints", log);
  }
  if (group) checkpoint = train::broadcast_from_root(*group, std::move(checkpoint));
  const auto before = train::saved_recipe(checkpoint->recipe_toml, (folder / "recipe.toml").string());
  auto recipe = before;
  train::assign(recipe, options.set);
  train::keep_annealing(recipe, before.train.iterations);
  for (const auto& line : train::changes_of_updates(before, recipe, checkpoint->iteration))
    log(LogLevel::warning, line);
  set_job_timeout(recipe.parallel.timeout);
  train::validate(recipe);
  train::make_paths_absolute(recipe);  // those of --set
  dist::slice_of_batch(recipe.train.batch, group.get(), /*may_change=*/false);
  // The number that was written down is of the machine, and of the ranks on it, that began.
  const bool inherited = group && recipe.train.threads == before.train.threads;
  set_threads(options.common, inherited ? 0 : recipe.train.threads, group.get());
  watch_signals(group.get());
  const auto device = device_of(options.common, recipe.train.device, group.get());
  recipe.train.precision = solve::resolve_precision(recipe.train.precision, device, log);
  solve::apply_settings(recipe, device);
  solve::keep_freed_memory();
  use_device(group.get(), device, recipe);
  const auto data = train::open_training_data(recipe, log, progress_callback(options.common, "reading images"),
                                              checkpoint->standardisation, group.get(), checkpoint->columns);
  const auto judge = eval::make_image_evaluator(recipe, device);
  train::Trainer trainer(recipe, data, device, leads ? folder : fs::path(), log, real_files(), group);
  trainer.resume(*checkpoint);
  if (leads) run::write_data_record(folder, data);  // the data may have moved
  // Metrics fall with the number of samples, and are of clamped outputs.
  if (before.eval.samples != recipe.eval.samples || before.output.range != recipe.output.range) trainer.forget_best();
  checkpoint.reset();  // as large as the training itself, and the trainer has its own copy
  if (leads && trainer.done() < recipe.train.iterations)
    real_files().replace(folder / "recipe.toml", recipe.options().to_toml(true));
  log(LogLevel::info,
      text("resumed ", folder.string(), " at iteration ", trainer.done(), " of ", recipe.train.iterations));
  if (trainer.done() >= recipe.train.iterations) {
    log(LogLevel::info, "nothing is left to do; train longer with --set train.iterations=N");
  }
  return run_root(trainer, judge.get(), options.common, log);
}

}  // namespace

void add_train(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("train", "Learn a map or plan as a recipe says");
  auto options = std::make_shared<TrainOptions>();
  command->add_option("RECIPE", options->recipe, "Recipe file; monge options prints every key")->required();
  command->add_option("--set", options->set, "Override a key: section.key=value (repeatable)")->allow_extra_args(false);
  command->add_option("--out", options->out, "Run directory; default: the next number under --runs");
  command->add_option("--runs", options->runs, "Folder of the numbered runs")->capture_default_str();
  command->add_flag("--deterministic", options->deterministic, "Set train.deterministic: the same bits each time");
  command->add_flag("--dry-run", options->dry_run, "Print the resolved recipe, parameter counts and memory, and stop");
  add_ranks(*command, options->here);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return train_command(*options); }; });
}

void add_resume(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("resume", "Go on with a run exactly where its newest checkpoint was saved");
  auto options = std::make_shared<TrainOptions>();
  command->add_option("RUN", options->recipe, "Run directory")->required();
  command->add_option("--set", options->set, "Override a key, for example train.iterations=20000")
      ->allow_extra_args(false);
  add_ranks(*command, options->here);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return resume_command(*options); }; });
}

}  // namespace monge::cli
