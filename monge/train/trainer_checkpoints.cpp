// How a trainer saves its state and resumes from a saved one. The states to return to after a divergence are in
// trainer_recovery.cpp.
#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/solve/solver.h"
#include "monge/train/best_link.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/checkpoint_name.h"
#include "monge/train/finite_state.h"
#include "monge/train/trainer.h"

namespace monge::train {
namespace {

namespace fs = std::filesystem;

/// Whether the two are equal bit by bit.
bool equal(const data::Standardisation& a, const data::Standardisation& b) {
  const auto mine = data::tensors_of(a), other = data::tensors_of(b);
  return std::equal(mine.begin(), mine.end(), other.begin(),
                    [](const auto& x, const auto& y) { return torch::equal(x.second, y.second); });
}

}  // namespace

void Trainer::resume(const Checkpoint& checkpoint) {
  require(
      checkpoint.standardisation.has_value() == data_.standardisation.has_value() &&
          (!data_.standardisation || equal(*checkpoint.standardisation, *data_.standardisation)),
      "the data are not standardised with the means and scales of the checkpoint; pass those to open_training_data");
  // A recipe that comes from the checkpoint has the smoothed source already.
  if (!checkpoint.interventions.empty() && checkpoint.interventions.back().smoothing > 0 &&
      !solver_->method().smooths()) {
    continue_smoothed(checkpoint.interventions.back().smoothing);
  }
  // The other ranks receive the root's state below.
  const nn::NamedTensors own = group_.is_root() ? solver_->state() : nn::NamedTensors();
  nn::copy_state(own, checkpoint.tensors,
                 {.what = "the checkpoint does not fit this recipe's training",
                  .fix = "resume with the recipe of the run that saved it"});
  solver_->broadcast_state();
  // Statistics of batch norm are the only buffers of a map.
  const bool by_rank = !recipe_.parallel.sync_batch_norm && !solver_->map().buffers().empty();
  const auto change = rank_change_message(checkpoint.ranks, group_.size(), by_rank);
  if (!change.empty()) log_(LogLevel::info, change);
  warn_of_changed_data(checkpoint);
  if (!folder_.empty()) set_aside_newer(folder_ / "checkpoints", checkpoint.iteration);
  has_state_ = true;
  done_ = saved_at_ = checkpoint.iteration;
  best_metric_ = checkpoint.best_metric;
  best_iteration_ = checkpoint.best_iteration;
  interventions_ = checkpoint.interventions;
  sound_ = checkpoint.sound;
  evaluation_due_ = checkpoint.evaluation_due && recipe_.eval.every > 0;
  watch_.restore(checkpoint.divergence_watch);
  starts_anew_ = recipe_.train.init.empty();
  if (checkpoint.divergence_watch.empty() && done_ > 0) {
    // Of a monge without the watch: nothing tells whether it is sound, but the start would lose all that it holds.
    sound_ = {done_};
    starts_anew_ = false;
  }
  note_if_sound();
  apply_interventions();
  if (folder_.empty() || !best_metric_) return;
  std::error_code none;
  best_is_aside_ =
      fs::read_symlink(folder_ / "best", none).filename() == aside_name(kDiverged, checkpoint_name(best_iteration_));
  if (!best_is_aside_) renew_best_link(folder_, best_iteration_, log_, files_);
}

void Trainer::warn_of_changed_data(const Checkpoint& checkpoint) const {
  struct Side {
    const char* name;
    const std::string& path;
    int64_t items_before, items;
    const std::string &before, &now;
  };
  for (const auto& side : {Side{"source", recipe_.source.path, checkpoint.source_items, data_.source->size(),
                                checkpoint.source_fingerprint, data_.source_fingerprint},
                           Side{"target", recipe_.target.path, checkpoint.target_items, data_.target->size(),
                                checkpoint.target_fingerprint, data_.target_fingerprint}}) {
    if (side.items_before != side.items) {
      log_(LogLevel::warning,
           text("the ", side.name, " has ", side.items, " training items now and had ", side.items_before,
                " when the checkpoint was saved; the run continues, but differs from an uninterrupted one"));
    } else if (!side.before.empty() && !side.now.empty() && side.before != side.now) {  // old checkpoints have none
      log_(LogLevel::warning, text(side.name, ": ", side.path,
                                   " holds other values than when the checkpoint was saved; the run continues ",
                                   "with the present values and differs from an uninterrupted one"));
    }
  }
}

fs::path Trainer::save() {
  if (const auto tensor = tensor_not_finite(*solver_, group_); !tensor.empty())
    throw DivergedError(not_finite_message(done_, tensor));
  compare_nets();
  fs::path written;
  std::exception_ptr failure;
  std::string message;
  try {
    written = write_checkpoint();
  } catch (const Error& error) {
    failure = std::current_exception();
    message = error.what();
  }
  // No rank continues, or ends, before the checkpoint is there; and all leave their collective operations alike.
  message = group_.broadcast(message);
  if (failure) std::rethrow_exception(failure);
  if (!message.empty()) throw SystemError(message);
  saved_at_ = done_;
  return written;
}

/// Saves between two iterations. What the disk refuses now is in memory, and a later checkpoint holds it, so the
/// training continues. @return as save(); empty if nothing was saved.
fs::path Trainer::save_if_possible() {
  compare_nets();
  fs::path written;
  bool saved = true;
  try {
    written = write_checkpoint();
  } catch (const SystemError& error) {
    log_(LogLevel::warning,
         text("no checkpoint of iteration ", done_, " was saved, and the training continues: ", error.what()));
    saved = false;
  }
  // All ranks must agree, because they save together at the end. It is also the barrier of save().
  if (group_.broadcast(saved ? "saved" : "") == "saved") saved_at_ = done_;
  return written;
}

/// Nets that differ between ranks must not become a checkpoint.
void Trainer::compare_nets() {
  if (group_.size() == 1) return;
  drifted_ = true;
  const auto all = group_.gather(std::to_string(solver_->fingerprint()));
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    throw SystemError(
        text("after iteration ", done_, " the nets of ", group_.name_of(static_cast<int64_t>(rank)),
             " differ from those of ", group_.name_of(0),
             ": a memory or a processor of one of them is faulty, or their programs differ; nothing was saved"));
  }
  drifted_ = false;
}

Checkpoint Trainer::state_now() const {
  Checkpoint checkpoint;
  checkpoint.iteration = done_;
  checkpoint.tensors = solver_->state();
  checkpoint.standardisation = data_.standardisation;
  checkpoint.columns = columns_;
  checkpoint.recipe_toml = Recipe(recipe_).options().to_toml(false);
  checkpoint.source_shape = data_.source->item_shape();
  checkpoint.target_shape = data_.target->item_shape();
  checkpoint.source_items = data_.source->size();
  checkpoint.target_items = data_.target->size();
  checkpoint.source_fingerprint = data_.source_fingerprint;
  checkpoint.target_fingerprint = data_.target_fingerprint;
  checkpoint.best_metric = best_metric_;
  checkpoint.best_iteration = best_iteration_;
  checkpoint.ranks = group_.size();
  checkpoint.interventions = interventions_;
  checkpoint.sound = sound_;
  checkpoint.evaluation_due = evaluation_due_;
  if (answers_divergence()) checkpoint.divergence_watch = watch_.state();
  return checkpoint;
}

fs::path Trainer::write_checkpoint() {
  if (folder_.empty()) return {};
  const auto checkpoint = state_now();
  for (auto* observer : observers_) observer->saves_checkpoint(*this);
  const auto written = save_checkpoint(folder_ / "checkpoints", checkpoint, files_);
  saved_at_ = done_;
  // Before the pruning, which spares what the link names.
  if (best_metric_ && !best_is_aside_) renew_best_link(folder_, best_iteration_, log_, files_);
  std::error_code none;
  prune_checkpoints(folder_ / "checkpoints", recipe_.checkpoint.keep, fs::read_symlink(folder_ / "best", none), sound_);
  for (auto* observer : observers_) observer->checkpoint_saved(*this, written);
  return written;
}

void Trainer::offer_best(double metric) {
  // isfinite comes first: every comparison with NaN is false, so NaN would pass as better.
  if (!std::isfinite(metric) || (best_metric_ && metric >= *best_metric_)) return;
  if (!alarm_.empty() && answers_divergence()) return;       // the training leaves this state
  if (!tensor_not_finite(*solver_, group_).empty()) return;  // moments; the map itself has a metric
  best_metric_ = metric;
  best_iteration_ = done_;
  best_is_aside_ = false;
  save_if_possible();
}

void Trainer::save_after_failure() {
  if (drifted_) return;
  try {
    // The launched iterations have changed the nets already, so the state that is saved includes them.
    while (solver_->launched() > 0) {
      watch_.add(solver_->collect());
      ++done_;
      evaluation_due_ = recipe_.eval.due_after(done_, recipe_.train.iterations);
      if (group_.size() == 1) follow_overfitting();
    }
    if (saved_at_ != done_ && own_tensor_not_finite(*solver_).empty())
      write_checkpoint();  // without save()'s barrier: the other ranks may never come
  } catch (const Error&) {
    // On a full disk saving fails as well; the error that is being thrown says why.
  }
}

}  // namespace monge::train
