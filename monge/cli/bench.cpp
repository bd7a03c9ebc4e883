// monge bench: times an outer iteration of a recipe.
#include "monge/solve/bench.h"

#include <ATen/Parallel.h>

#include <cstdio>
#include <memory>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/named_values.h"
#include "monge/solve/precision.h"
#include "monge/solve/settings.h"
#include "monge/train/trainer.h"

namespace monge::cli {
namespace {

struct BenchCommand {
  Common common;
  std::string recipe;
  std::vector<std::string> set;
  std::vector<int64_t> shape;
  bool synthetic = false, deterministic = false;
  solve::BenchOptions timing;
};

/// Prints the times for people.
void print_bench(const solve::BenchResult& r, const train::Recipe& recipe) {
  const double images =
      1e3 *
      static_cast<double>(recipe.train.batch * solve::make_method(recipe)->samples_per_input() * recipe.train.k_t) /
      r.ms_median;
  std::printf(
      "outer iteration  %.3f ms (least %.3f, most %.3f), %lld map updates of batch %lld and one potential update\n"
      "throughput       %.0f samples per second in the map updates\n"
      "arithmetic       %.3f GFLOP, %.1f GFLOP/s: %.0f %% of the measured matrix ceiling of %.1f GFLOP/s\n"
      "tensors          %.3f GB read and written by LibTorch calls\n"
      "data             %.1f %% of the time spent waiting\n"
      "memory           %.0f MiB at the peak\n",
      r.ms_median, r.ms_least, r.ms_most, static_cast<long long>(recipe.train.k_t),
      static_cast<long long>(recipe.train.batch), images, 1e-9 * static_cast<double>(r.flops),
      1e-9 * r.flops_per_second(), 100 * r.flops_per_second() / r.ceiling, 1e-9 * r.ceiling,
      1e-9 * static_cast<double>(r.bytes), 100 * r.data_wait, static_cast<double>(r.peak_bytes) / (1 << 20));
}

int bench_command(const BenchCommand& options) {
  auto assignments = options.set;
  for (const auto& assignment : assignments) {
    require(!assignment.starts_with("train.init="), "--set ", assignment,
            ": has no effect on monge bench, because the time does not depend on the weights; leave it out");
  }
  if (options.synthetic) {  // no data are opened
    assignments.insert(assignments.begin(), {"source.path=toy:synthetic", "target.path=toy:synthetic"});
    require(options.shape.size() == 1 || options.shape.size() == 3,
            "--synthetic needs --shape: D for vectors, C H W for images");
  }
  auto recipe = train::read_recipe(options.recipe, assignments);
  session::set_threads(compute_for(options.common), recipe.train.threads);
  watch_signals();
  const auto device = session::choose_device(compute_for(options.common), recipe.train.device);
  const auto log = log_sink(options.common);
  recipe.train.precision = solve::resolve_precision(recipe.train.precision, device, log);
  recipe.train.deterministic |= options.deterministic;
  solve::apply_settings(recipe.train, device);
  solve::keep_freed_memory();
  std::vector<int64_t> shape = options.shape;
  std::unique_ptr<train::Trainer> trainer;  // holds the data
  solve::BatchProvider batches;
  if (options.synthetic) {
    solve::make_synthetic(recipe);
    train::validate(recipe);
    solve::resolve_penalty(recipe, shape);  // as a training does
    batches = solve::synthetic_batches(recipe, shape, device);
  } else {
    require(shape.empty(), "--shape is only for synthetic batches; add --synthetic");
    auto data = train::open_training_data(
        recipe, {.log = log, .progress = progress_callback(options.common, "reading images")});
    shape = data.source->item_shape();
    trainer = std::make_unique<train::Trainer>(recipe, data, device, "", log);
    recipe = trainer->recipe();
    batches = trainer->batch_provider();
  }
  log(LogLevel::info, text("timing ", options.timing.iterations, " outer iterations after ", options.timing.warm,
                           " warm-up iterations, on ", device.str(), " with ", at::get_num_threads(), " threads"));
  const auto r = solve::bench(recipe, shape, batches, device, options.timing, stop_flag());
  if (!r.complete) {
    log(LogLevel::warning, "stopped; an incomplete measurement is not printed");
    return kStopped;
  }
  if (options.common.json) {
    print_json(nlohmann::ordered_json::parse(json_line(solve::bench_values(r, recipe, device, options.timing))));
    return kDone;
  }
  print_bench(r, recipe);
  return kDone;
}

}  // namespace

void add_bench(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("bench", "Time an outer iteration of a recipe");
  auto options = std::make_shared<BenchCommand>();
  command->add_option("RECIPE", options->recipe, "Recipe file")->required();
  command->add_option("--set", options->set, "Override a key: section.key=value (repeatable)")->allow_extra_args(false);
  command->add_flag("--deterministic", options->deterministic, "Set train.deterministic: bitwise equal results");
  command->add_flag("--synthetic", options->synthetic, "Use random batches instead of the recipe's data");
  command->add_option("--shape", options->shape, "Shape of an item of the synthetic batches: D, or C H W")
      ->expected(1, 3)
      ->check(CLI::PositiveNumber);
  command->add_option("--iterations", options->timing.iterations, "Number of timed iterations")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--warm", options->timing.warm, "Number of warm-up iterations, which are not timed")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return bench_command(*options); }; });
}

}  // namespace monge::cli
