// monge train and monge resume: parse, call the session, print.
#include <chrono>
#include <cmath>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>

#include "monge/cli/command.h"
#include "monge/cli/job.h"
#include "monge/cli/summary.h"
#include "monge/cli/training_line.h"
#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/session/training.h"
#include "monge/train/trainer.h"

namespace monge::cli {
namespace {

struct TrainOptions {
  Common common;
  std::string recipe, out, runs = "runs";
  std::vector<std::string> set;
  LocalRanks local_ranks;
  bool dry_run = false, deterministic = false;
};

/// The status line of a training.
class StatusLine : public train::Observer {
 public:
  explicit StatusLine(const Common& common) : common_(common) {}
  ~StatusLine() override { finish(); }

  void started(train::Trainer& trainer, int64_t /*iteration*/) override {
    const std::lock_guard lock(guard_);
    waits_.clear();
    rate_ = {};
    unit_ = trainer.data().source->item_shape().size() == 3 ? "images" : "rows";
    progress_ =
        std::make_unique<Progress>(std::cerr, progress_style(common_), "training", trainer.recipe().train.iterations);
  }
  bool needs_nets(const train::Trainer&, int64_t) const override { return false; }
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& m) override {
    const std::lock_guard lock(guard_);
    rate_.add(std::chrono::duration<double>(Clock::now().time_since_epoch()).count(), done);
    const auto& train = trainer.recipe().train;
    const auto rate = rate_.text(train.batch * train.k_t, unit_);
    progress_->update(done, target_ + "cost " + number(m.cost) + (rate.empty() ? "" : "  " + rate) + waiting(trainer));
  }
  void ended(train::Trainer&, int64_t, bool) override { finish(); }
  /// Ends the line, so that a message can follow; from any thread.
  void finish() {
    const std::lock_guard lock(guard_);
    if (progress_) progress_->finish();
  }

  void evaluated(const eval::Evaluation& evaluation) {
    target_ = target_text(evaluation.decisive());
    if (!target_.empty()) target_ += "  ";
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// The percentage of the last iterations' time that was spent waiting for data.
  std::string waiting(train::Trainer& trainer) {
    const std::pair now{Clock::now(), trainer.data_wait()};
    waits_.push_back(now);
    constexpr size_t kWindow = 20;
    if (waits_.size() > kWindow) waits_.pop_front();
    const double seconds = std::chrono::duration<double>(now.first - waits_.front().first).count();
    if (waits_.size() < 2 || seconds <= 0) return {};
    return text("  data ", number(std::round(1000 * (now.second - waits_.front().second) / seconds) / 10), " %");
  }

  Common common_;
  std::mutex guard_;  ///< of progress_: messages may come from loader threads
  std::unique_ptr<Progress> progress_;
  std::string target_, unit_;
  IterationRate rate_;
  std::deque<std::pair<Clock::time_point, double>>
      waits_;  ///< the end of each iteration, and the seconds of waiting until then
};

void print_plan(session::TrainPlan plan, const Common& common) {
  auto& recipe = plan.recipe;
  if (common.json) {
    print_json({{"recipe", recipe.options().to_toml(false)},
                {"parameters_map", plan.map_parameters},
                {"parameters_potential", plan.potential_parameters},
                {"source_items", plan.source->size()},
                {"target_items", plan.target->size()},
                {"bytes_state", plan.state_bytes},
                {"bytes_step", plan.step_bytes}});
    return;
  }
  const auto items = [](const data::Source& source) {
    return source.endless() ? std::string("endless") : std::to_string(source.size()) + " training items";
  };
  const auto mib = [](int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; };
  std::cout << recipe.options().to_toml(true) << "\n# source      " << plan.source->name() << ", "
            << items(*plan.source) << "\n# target      " << plan.target->name() << ", " << items(*plan.target)
            << "\n# map         " << plan.map_parameters << " parameters\n# potential   " << plan.potential_parameters
            << " parameters\n# memory      " << mib(plan.state_bytes) << " for weights, averages and moments, and "
            << mib(plan.step_bytes) << " for the largest step (measured on a small batch)" << std::endl;
}

/// The hooks that train and resume have in common.
session::TrainHooks train_hooks(const Common& common, dist::ProcessGroup& group, StatusLine& status) {
  session::TrainHooks hooks;
  static_cast<session::Hooks&>(hooks) = hooks_for(common, group);
  hooks.log = [&status, sink = hooks.log](LogLevel level, const std::string& message) {
    status.finish();
    sink(level, message);
  };
  hooks.observers = {&status};
  hooks.evaluated = [&status](int64_t, const eval::Evaluation& evaluation) { status.evaluated(evaluation); };
  hooks.resume_hint = set_resume_hint;
  hooks.recipe_read = [&group](const train::Recipe& recipe) {
    set_job_timeout(recipe.parallel.timeout);
    watch_signals(group);
  };
  return hooks;
}

int print_result(const session::TrainResult& result, const Common& common) {
  const bool is_root = !result.folder.empty();
  if (is_root && common.json) {
    std::cout << result.summary_json << std::endl;
  } else if (is_root && result.complete && !common.quiet) {
    print_summary(result);
  }
  return result.complete ? kDone : kStopped;
}

int plan_command(const TrainOptions& options) {
  if (is_idle_rank("train --dry-run")) return kDone;
  auto& group = dist::ProcessGroup::single();
  session::TrainHooks hooks;
  static_cast<session::Hooks&>(hooks) = hooks_for(options.common, group);  // Ctrl-C ends it at once: nothing is saved
  session::TrainRequest request{.recipe = session::read_recipe(options.recipe, options.set, group)};
  request.recipe.train.deterministic |= options.deterministic;
  print_plan(session::plan_training(std::move(request), compute_for(options.common, group), hooks), options.common);
  return kDone;
}

int train_command(TrainOptions options) {
  if (options.dry_run) return plan_command(options);
  if (const auto code = start_ranks(options.local_ranks)) return *code;
  auto& group = join_job(options.common);
  session::TrainRequest request{
      .recipe = session::read_recipe(options.recipe, options.set, group), .out = options.out, .runs = options.runs};
  request.recipe.train.deterministic |= options.deterministic;
  StatusLine status(options.common);
  const auto hooks = train_hooks(options.common, group, status);
  return print_result(session::train(std::move(request), compute_for(options.common, group), hooks), options.common);
}

int resume_command(TrainOptions options) {
  if (const auto code = start_ranks(options.local_ranks)) return *code;
  auto& group = join_job(options.common);
  StatusLine status(options.common);
  const auto hooks = train_hooks(options.common, group, status);
  return print_result(session::resume({.folder = options.recipe, .assignments = options.set},
                                      compute_for(options.common, group), hooks),
                      options.common);
}

}  // namespace

void add_train(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("train", "Train the map or plan that a recipe describes");
  auto options = std::make_shared<TrainOptions>();
  command->add_option("RECIPE", options->recipe, "Recipe file; monge options prints every key")->required();
  command->add_option("--set", options->set, "Override a key: section.key=value (repeatable)")->allow_extra_args(false);
  command->add_option("--out", options->out, "Run directory; default: the next number under --runs");
  command->add_option("--runs", options->runs, "Folder of the numbered runs")->capture_default_str();
  command->add_flag("--deterministic", options->deterministic, "Set train.deterministic: bitwise equal results");
  command->add_flag("--dry-run", options->dry_run, "Print the resolved recipe, parameter counts and memory, then exit");
  add_ranks(*command, options->local_ranks);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return train_command(*options); }; });
}

void add_resume(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("resume", "Resume a run exactly from its newest checkpoint");
  auto options = std::make_shared<TrainOptions>();
  command->add_option("RUN", options->recipe, "Run directory")->required();
  command->add_option("--set", options->set, "Override a key, for example train.iterations=20000 (repeatable)")
      ->allow_extra_args(false);
  add_ranks(*command, options->local_ranks);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return resume_command(*options); }; });
}

}  // namespace monge::cli
