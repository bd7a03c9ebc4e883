#include "monge/eval/held_out_evaluator.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/eval/few_samples.h"
#include "monge/eval/metrics.h"
#include "monge/train/trainer.h"

namespace monge::eval {
namespace {

/// @throws InputError  unless evaluations like this one have the distance `best`, the value of eval.best.
void check_best(const Evaluation& evaluation, const std::string& best) {
  std::vector<std::string> known{"target_error"};  // always known, though a small set may not have it
  for (const auto& [key, value] : evaluation.named()) {
    if (is_distance(key) && key != known.front()) known.push_back(key);
  }
  if (std::find(known.begin(), known.end(), best) != known.end()) return;
  throw InputError({.what = "not a distance of this run's evaluations",
                    .where = "eval.best",
                    .value = '"' + best + '"',
                    .allowed = join(known),
                    .fix = suggestion(best, known)});
}

}  // namespace

void HeldOutEvaluator::measure(train::Trainer& trainer, int64_t done) {
  trainer.set_evaluation_due(true);  // also for the checkpoint of an evaluation that fails
  const auto& data = trainer.data();
  const auto& recipe = trainer.recipe();
  Evaluation result;
  try {
    result = evaluate(model::model_of(trainer), *data.held_source, *data.held_target, *data.target, recipe.eval.samples,
                      static_cast<uint64_t>(recipe.train.seed), image_evaluator_, trainer.group(),
                      {trainer.stop_flag(), {}, trainer.group()});
  } catch (const EvaluationStopped&) {
    trainer.log()(LogLevel::info, text("the evaluation after iteration ", done, " was left",
                                       trainer.folder().empty() ? "" : "; it is made when the run is resumed"));
    trainer.leave_evaluation();
    return;
  }
  trainer.set_evaluation_due(false);
  try {
    note(trainer, done, std::move(result));
  } catch (...) {
    trainer.set_evaluation_due(true);  // nothing that follows from it may be lost
    throw;
  }
}

/// Reports an evaluation, and tells the trainer what follows from it.
void HeldOutEvaluator::note(train::Trainer& trainer, int64_t done, Evaluation result) {
  const bool first = measured_at_ < 0;
  measured_at_ = done;
  const auto& data = trainer.data();
  const auto& recipe = trainer.recipe();
  const auto warning = few_samples_warning(*data.held_source, *data.held_target, *data.target, recipe.eval.samples);
  // Training rows may show lost columns that the few held-out rows do not.
  if (result.lost_columns.empty()) result.lost_columns = lost_column_labels(data.lost, *data.source, *data.target);
  for (const auto& line : {warning, result.image_warning}) {
    if (first && !line.empty()) trainer.log()(LogLevel::warning, line);
  }
  if (!result.unmeasurable.empty() && result.unmeasurable != warned_of_) {
    trainer.log()(LogLevel::warning, text("iteration ", done, ": the map cannot be judged: ", result.unmeasurable));
  }
  warned_of_ = result.unmeasurable;
  report_(done, result);
  trainer.note_target_error(result.value("target_error"), result.value("target_start"));
  const auto& method = trainer.solver().method();
  const auto now = method.smoothing(done), last = method.smoothing(recipe.train.iterations);
  if (now.eps != last.eps) return;
  const auto& unbalanced = recipe.unbalanced;  // a small alpha makes the error small by leaving samples out
  if (unbalanced.alpha_at(done) != unbalanced.alpha_at(recipe.train.iterations)) return;
  if (!result.lost_columns.empty()) return;  // no metric says which of two such maps is better
  const double metric = result.value(recipe.eval.best);
  if (std::isfinite(metric)) trainer.offer_best(metric);
  end_if_patience_is_out(trainer);
}

void HeldOutEvaluator::end_if_patience_is_out(train::Trainer& trainer) const {
  const auto& e = trainer.recipe().eval;
  if (e.patience == 0 || !trainer.best_metric() || trainer.done() - trainer.best_iteration() < e.patience * e.every)
    return;
  trainer.end_early(text("no improvement of ", e.best, " in ", e.patience, " evaluations (eval.patience)"));
}

void HeldOutEvaluator::try_out(train::Trainer& trainer) const {
  if (trainer.recipe().eval.every == 0) return;
  const auto& data = trainer.data();
  const auto trial =
      evaluate(model::model_of(trainer), *data.held_source, *data.held_target, *data.target, /*samples=*/4,
               /*seed=*/0, image_evaluator_, trainer.group());
  check_best(trial, trainer.recipe().eval.best);
}

void HeldOutEvaluator::started(train::Trainer& trainer, int64_t iteration) {
  began_at_ = iteration;
  try_out(trainer);
  const bool evaluates = trainer.recipe().eval.every > 0;
  if (trainer.evaluation_due() && evaluates) {
    measure(trainer, iteration);
  } else if (iteration > 0 && evaluates) {
    end_if_patience_is_out(trainer);  // a resumed run may have ended this way before
  }
}

bool HeldOutEvaluator::needs_nets(const train::Trainer& trainer, int64_t done) const {
  return trainer.recipe().eval.due_after(done);
}

void HeldOutEvaluator::iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics&) {
  if (needs_nets(trainer, done)) {
    measure(trainer, done);
  } else if (trainer.recipe().eval.due_after(done, trainer.recipe().train.iterations)) {
    trainer.set_evaluation_due(true);  // by ended(), after the checkpoint
  }
}

void HeldOutEvaluator::ended(train::Trainer& trainer, int64_t done, bool complete) {
  const bool trained = done > began_at_ || trainer.evaluation_due();
  if (complete && trained && trainer.recipe().eval.every > 0 && measured_at_ != done) measure(trainer, done);
}

}  // namespace monge::eval
