#include "monge/session/training_run.h"

#include <chrono>
#include <tuple>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/quoting.h"
#include "monge/eval/held_out_evaluator.h"
#include "monge/report/report_writer.h"
#include "monge/run/metrics_file.h"
#include "monge/run/sample_images.h"
#include "monge/session/summary.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string resume_hint_for(const fs::path& folder) {
  const auto checkpoints = train::list_checkpoints(folder / "checkpoints");
  if (checkpoints.empty()) return "no checkpoint was saved";
  return "the newest checkpoint is " + checkpoints.back().string() + "; to resume from it: monge resume " +
         shell_quoted(folder.string());
}

/// Runs the trainer. @return whether it reached the end of the recipe, and the seconds that it took.
std::pair<bool, double> timed_run(train::Trainer& trainer, const Hooks& hooks) {
  const auto began = std::chrono::steady_clock::now();
  const bool complete = trainer.run(hooks.stop_flag());
  return {complete, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()};
}

TrainResult result_of(train::Trainer& trainer, const Outcome& outcome) {
  TrainResult out;
  out.complete = outcome.complete;
  out.iterations = trainer.done();
  out.folder = trainer.folder();
  out.seconds = outcome.seconds;
  out.last = outcome.last;
  if (outcome.evaluator) out.protocol = outcome.evaluator->protocol();
  out.model = model::raw_model_of(trainer);
  return out;
}

void warn_of_missed_target(const train::Trainer& trainer, const eval::Evaluation& last, const LogSink& log) {
  if (last.target_verdict() != eval::TargetVerdict::missed) return;
  log(LogLevel::warning, "the map " + last.verdict() +
                             ". A small loss does not mean that the map reaches its target. Train " +
                             "longer; if the error stops falling, the solution is spurious: " +
                             trainer.solver().method().advice_when_missed() + " (docs/otp.md)");
}

/// The run of a rank that writes no files: every rank but the root, and a training in memory.
TrainResult run_without_folder(train::Trainer& trainer, eval::ImageEvaluator* evaluator, const TrainHooks& hooks) {
  std::optional<eval::Evaluation> last;
  eval::HeldOutEvaluator held_out(
      [&](int64_t iteration, const eval::Evaluation& evaluation) {
        last = evaluation;
        if (trainer.group().is_root() && hooks.evaluated) hooks.evaluated(iteration, evaluation);
      },
      evaluator);
  trainer.attach(held_out);
  if (trainer.group().is_root()) {
    for (auto* observer : hooks.observers) trainer.attach(*observer);
  }
  const auto [complete, seconds] = timed_run(trainer, hooks);
  if (last && trainer.group().is_root()) warn_of_missed_target(trainer, *last, hooks.log);
  return result_of(trainer, {.complete = complete, .seconds = seconds, .last = last, .evaluator = evaluator});
}

/// The summary that an earlier process wrote; null if there is none. It remains valid when this process trains
/// and evaluates nothing.
ordered_json earlier_summary(const fs::path& file) {
  std::error_code none;
  if (!fs::exists(file, none)) return {};
  auto old = ordered_json::parse(real_files().read(file), nullptr, false);
  return old.is_object() ? old : ordered_json();
}

/// The run of the root, which writes metrics, images, report and summary to the run directory.
TrainResult run_in_folder(train::Trainer& trainer, eval::ImageEvaluator* evaluator, const TrainHooks& hooks,
                          const LogSink& log) {
  const auto& folder = trainer.folder();
  run::MetricsFile metrics(folder);
  run::SampleImages images(
      [&metrics](int64_t iteration, const torch::Tensor& pixels) { metrics.add_image(iteration, pixels); });
  report::ReportWriter page(folder, log);
  std::optional<eval::Evaluation> last;
  eval::HeldOutEvaluator held_out(
      [&](int64_t iteration, const eval::Evaluation& evaluation) {
        const auto reaches = reaches_target(evaluation);
        metrics.add(iteration, evaluation.named(), evaluation.verdict(),
                    reaches.is_null() ? std::nullopt : std::optional(reaches.get<bool>()));
        page.evaluated();
        last = evaluation;
        if (hooks.evaluated) hooks.evaluated(iteration, evaluation);
      },
      evaluator);
  trainer.attach(metrics);
  trainer.attach(held_out);
  for (auto* observer : hooks.observers) trainer.attach(*observer);
  trainer.attach(images);
  trainer.attach(page);

  const int64_t before = trainer.done();
  Outcome outcome{.evaluator = evaluator};
  try {
    std::tie(outcome.complete, outcome.seconds) = timed_run(trainer, hooks);
  } catch (const Error&) {
    try {
      // A launched job reports the hint together with the failure.
      if (!trainer.group().launched()) log(LogLevel::warning, resume_hint_for(folder));
      metrics.flush();
      page.write_last();
    } catch (const std::exception&) {
      // On a full disk no report can be written, and on a failed file system there is nothing to resume from. The error
      // that ended the run matters more.
    }
    throw;
  }
  outcome.last = last;
  metrics.flush();
  metrics.record_end(outcome.complete);
  auto summary = summary_of(trainer, outcome);
  if (last) warn_of_missed_target(trainer, *last, log);
  if (trainer.done() == before && !last) {
    if (auto old = earlier_summary(folder / "summary.json"); !old.is_null()) summary = std::move(old);
  }
  real_files().replace(folder / "summary.json", json_text(summary, 2) + "\n");
  page.write_last();
  if (!outcome.complete) {
    log(LogLevel::info, text("stopped after iteration ", trainer.done(), "; everything is saved; resume with\n  ",
                             "monge resume ", shell_quoted(folder.string())));
  }
  auto result = result_of(trainer, outcome);
  result.summary_json = json_text(summary);
  return result;
}

}  // namespace

TrainResult run_training(train::Trainer& trainer, eval::ImageEvaluator* evaluator, const TrainHooks& hooks,
                         const LogSink& log) {
  auto& group = trainer.group();
  if (group.launched()) {
    // If the root is lost, another rank reports the hint, perhaps on a host without the folder.
    const auto folder = group.broadcast(trainer.folder().string());
    if (hooks.resume_hint && !folder.empty()) {
      hooks.resume_hint([folder, is_root = group.is_root()] {
        return is_root ? resume_hint_for(folder)
                       : "to resume from the last checkpoint: monge resume " + shell_quoted(folder);
      });
    }
  }
  if (trainer.folder().empty()) return run_without_folder(trainer, evaluator, hooks);
  return run_in_folder(trainer, evaluator, hooks, log);
}

}  // namespace monge::session
