// How a trainer answers a divergence: the watch, the states to return to, and the return. See docs/divergence.md.
#include <c10/util/accumulate.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "monge/train/best_link.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/checkpoint_name.h"
#include "monge/train/smoothed_recipe.h"
#include "monge/train/source_check.h"
#include "monge/train/trainer.h"

namespace monge::train {
namespace {

namespace fs = std::filesystem;

constexpr double kRollbackRate = 0.3;    // factor of the rates after a return
constexpr int64_t kRollbackR1Every = 2;  // of solve::advised_r1
constexpr double kMoreR1 = 4;            // factor of R1 in each return after the first
constexpr int64_t kSettled = 50;         // iterations before an alarm in which the state may be bad already
constexpr int64_t kSoundEvery = 100;     // least distance of the checkpoints that are kept to return to
constexpr double kSoundLevel = 0.5;      // see DivergenceWatch::level

}  // namespace

bool Trainer::answers_divergence() const { return recipe_.train.on_divergence != "ignore"; }

void Trainer::start_watch() {
  // A conditional potential has another scale at each noise level; unbalanced problems have another loss.
  const bool balanced = recipe_.unbalanced.source == "none" && recipe_.unbalanced.target == "none";
  watch_.start(largest_cost_of(*this), balanced && !solver_->potential().conditional());
}

void Trainer::note_target_error(double error, double start) {
  if (alarm_.empty()) alarm_ = watch_.add_evaluation(error, start).value_or("");
}

/// Says once that the training has diverged, where nothing is done about it.
void Trainer::warn_of_alarm() {
  if (alarm_.empty() || warned_) return;
  warned_ = true;
  log_(LogLevel::warning,
       text("the training diverges at iteration ", done_, ": ", alarm_, "; nothing is done about it (",
            answers_divergence() ? "it has ended" : "train.on_divergence = \"ignore\"",
            "). The map may not recover: look at its target error; ", advice_against_divergence()));
}

/// What to change after a divergence, as a part of a sentence.
std::string Trainer::advice_against_divergence() const {
  const double tried = interventions_.empty() ? 1 : interventions_.back().rate;
  const double r1 = std::max(solve::advised_r1(solver_->tau()), 2 * r1_in_force().weight);
  return text(
      "train again with lower train.lr_map and train.lr_potential",
      tried < 1 ? text(" (after ", interventions_.size(), " returns they were ", number(tried), " times the recipe's)")
                : "",
      ", or with potential.r1 = ", number(r1), " and potential.r1_every = 2",
      solver_->method().smooths() ? "" : ", or, if the source has no density, with method = \"otp\"");
}

/// Counts the checkpoint of this iteration among those to return to, if the training is calm. A stop or an evaluation
/// may save others; they do not count, so that a run with an interruption returns to the same states.
void Trainer::note_if_sound() {
  const bool is_due = done_ % recipe_.checkpoint.every == 0 && done_ >= kSoundEvery &&
                      (sound_.empty() || done_ - sound_.back() >= kSoundEvery);
  if (!answers_divergence() || !is_due || watch_.level() > kSoundLevel) return;
  sound_.push_back(done_);
  while (sound_.size() > 2) sound_.erase(sound_.begin());  // the last but one has settled
  if (!folder_.empty() || group_.size() > 1 || recipe_.train.on_divergence != "rollback") return;
  auto copy = state_now();
  for (auto& [name, tensor] : copy.tensors) tensor = tensor.to(torch::kCPU, /*non_blocking=*/false, /*copy=*/true);
  sound_in_memory_.push_back(std::move(copy));
  if (sound_in_memory_.size() > 2) sound_in_memory_.erase(sound_in_memory_.begin());
}

/// R1 as it is in force: that of the last return, unless the recipe was given more on resume.
R1Setting Trainer::r1_in_force() const {
  const R1Setting own{recipe_.potential.r1.value_or(0), recipe_.potential.r1_every};
  if (interventions_.empty() || own.weight > interventions_.back().r1) return own;
  return {interventions_.back().r1, interventions_.back().r1_every};
}

void Trainer::apply_interventions() {
  if (interventions_.empty()) return;
  const auto r1 = r1_in_force();
  solver_->stabilise(interventions_.back().rate, r1.weight, r1.every);
}

/// The newest iteration with a sound checkpoint whose state had settled before the present one.
std::optional<int64_t> Trainer::settled_sound() const {
  for (auto iteration = sound_.rbegin(); iteration != sound_.rend(); ++iteration) {
    if (*iteration <= done_ - kSettled) return *iteration;
  }
  return {};
}

/// Sets the state to that of a new training of the present recipe. All ranks call it.
void Trainer::restore_start() {
  const auto device = solver_->device();
  solver_.reset();  // a GPU need not hold both
  solver_ = new_solver(device);
  if (from_weights_) {
    start_from(nn::NamedTensors(start_weights_));
  } else if (solver_->method().has_closed_form()) {
    start_plan();
  }
  done_ = 0;
  sound_.clear();
  sound_in_memory_.clear();
  watch_.restore({});
}

/// @return the level with which the training may continue on a smoothed source, the same on all ranks.
std::optional<double> Trainer::agreed_level_to_smooth() const {
  std::optional<double> level;
  if (group_.is_root()) {
    level = level_to_smooth(recipe_, measure_source(*data_.source, static_cast<uint64_t>(recipe_.train.seed)),
                            data_.source->item_shape());
  }
  const auto sent = group_.broadcast(level ? number(*level, 3) : "");
  return sent.empty() ? std::nullopt : std::optional(std::stod(sent));
}

/// Takes the method otp with the present state of the nets and optimisers. All ranks call it.
void Trainer::continue_smoothed(double level) {
  smooth_source(recipe_, level);
  const auto device = solver_->device();
  auto state = solver_->state();
  for (auto& [name, tensor] : state) tensor = tensor.to(torch::kCPU, /*non_blocking=*/false, /*copy=*/true);
  solver_.reset();  // a GPU need not hold both
  solver_ = new_solver(device);
  nn::copy_state(solver_->state(), state, {.what = "the state does not fit the smoothed training"});
}

/// Sets the state to that of the newest sound checkpoint that has settled. All ranks call it.
/// @return whether there was a state to return to.
bool Trainer::restore_sound_state() {
  std::optional<Checkpoint> found;
  for (auto iteration = sound_.rbegin(); iteration != sound_.rend() && group_.is_root() && !found; ++iteration) {
    if (*iteration > done_ - kSettled) continue;
    for (const auto& kept : sound_in_memory_) {
      if (kept.iteration == *iteration) found = kept;
    }
    if (folder_.empty()) continue;
    try {
      found = load_checkpoint(folder_ / "checkpoints" / checkpoint_name(*iteration), files_);
    } catch (const Error& error) {
      log_(LogLevel::warning, error.what());
    }
  }
  if (group_.broadcast(found ? "found" : "") != "found") {
    if (starts_anew_) restore_start();
    return starts_anew_;
  }
  const auto checkpoint = broadcast_from_root(group_, std::move(found));
  const nn::NamedTensors own = group_.is_root() ? solver_->state() : nn::NamedTensors();
  nn::copy_state(own, checkpoint.tensors, {.what = "the checkpoint does not fit this training"});
  solver_->broadcast_state();
  done_ = checkpoint.iteration;
  sound_ = checkpoint.sound;
  watch_.restore(checkpoint.divergence_watch);
  note_if_sound();
  std::erase_if(sound_in_memory_, [&](const Checkpoint& kept) { return kept.iteration > done_; });
  return true;
}

/// Takes checkpoints after iteration `sound` out of the row to resume from. The best one may be among them.
void Trainer::set_aside_diverged(int64_t sound) {
  if (folder_.empty()) return;
  std::error_code none;
  const auto best = fs::read_symlink(folder_ / "best", none).filename();
  set_aside_newer(folder_ / "checkpoints", sound, kDiverged, best);
  const auto moved = aside_name(kDiverged, best.string());
  if (best.empty() || fs::exists(folder_ / "best", none) || !fs::exists(folder_ / "checkpoints" / moved, none)) return;
  link_best(folder_, moved, log_, files_);
  best_is_aside_ = true;
}

/// Returns to a sound state and lowers the rates, if the recipe wants it and it may help. All ranks call it together:
/// they have the same metrics, and so the same reason.
/// @param finite  false: a loss or gradient was not finite, and the step was not taken.
/// @return whether the training continues.
bool Trainer::roll_back(const std::string& reason, bool finite) {
  const auto& train = recipe_.train;
  if (train.on_divergence != "rollback") return false;
  if (static_cast<int64_t>(interventions_.size()) >= train.rollbacks) return false;
  // Values that are not finite in the first iteration, or again in the same one, do not come from the rates.
  if (!finite && (done_ == 0 || (!interventions_.empty() && interventions_.back().alarm == done_))) return false;
  solver_->discard_launched();
  const int64_t alarm = done_;
  const Intervention before = interventions_.empty() ? Intervention() : interventions_.back();
  // Without a density there may be no solution without noise, whatever the rates are.
  const auto level = finite && interventions_.empty() ? agreed_level_to_smooth() : std::nullopt;
  if (level && starts_anew_) {
    // From the start: what was learned without noise is far from the plan, and the falling rates would not do to
    // unlearn it.
    smooth_source(recipe_, *level);
    restore_start();
  } else if (!restore_sound_state()) {
    return false;
  } else if (level) {
    continue_smoothed(*level);
  }
  Intervention now{.alarm = alarm,
                   .restored = done_,
                   .rate = (level ? 1 : kRollbackRate) * before.rate,
                   .r1 = r1_in_force().weight,
                   .r1_every = r1_in_force().every,
                   .smoothing = level.value_or(before.smoothing),
                   .reason = reason};
  const bool has_r1 = !solver_->method().has_closed_form();
  if (has_r1 && !interventions_.empty()) {
    now.r1 *= kMoreR1;
  } else if (has_r1 && now.r1 == 0) {
    now.r1 = solve::advised_r1(solver_->tau());
    now.r1_every = kRollbackR1Every;
  }
  interventions_.push_back(now);
  if (level) {
    watch_.restore({});
    start_watch();  // the noise adds to the largest cost
  }
  apply_interventions();
  // What is not finite names its iteration and update itself.
  const auto message = text(
      finite ? text("the training diverged at iteration ", alarm, ": ") : "", reason, ". It returns to iteration ",
      done_, " and continues with ",
      level ? text("a smoothed source (method = \"otp\" with eps = ", number(*level, 3),
                   " throughout), because the source lies on a set of lower dimension, for which there may be a "
                   "plan and no map,")
            : text(number(now.rate), " times the rates of the recipe"),
      has_r1 ? text(level ? " with" : " and", " potential.r1 = ", number(now.r1), ", r1_every = ", now.r1_every) : "",
      " (return ", interventions_.size(), " of at most ", train.rollbacks, "; train.on_divergence)");
  log_(LogLevel::warning, message);
  saved_at_ = -1;
  evaluation_due_ = false;
  early_end_.clear();
  set_aside_diverged(done_);
  for (auto* observer : observers_) observer->rolled_back(*this, message);
  save_if_possible();  // with the intervention, so that a resumed run continues from here
  return true;
}

/// Acts on the alarm of this iteration. @return whether the training has returned to an earlier state.
bool Trainer::answer_alarm() {
  if (alarm_.empty() || !answers_divergence()) return false;
  if (!roll_back(alarm_, /*finite=*/true)) stop_diverged(alarm_);
  return true;
}

void Trainer::stop_diverged(const std::string& reason) {
  const auto sound = settled_sound();
  if (sound) set_aside_diverged(*sound);
  // Only the root has a folder, and the message is the same on all ranks.
  const auto kept =
      group_.broadcast(folder_.empty() ? ""
                       : sound         ? text("; the run is left at its last sound checkpoint, of iteration ", *sound)
                                       : "; it has no sound checkpoint, so its newest one may have diverged as well");
  throw DivergedError({.what = text("the training diverged at iteration ", done_, ": ", reason, kept),
                       .fix = advice_against_divergence()});
}

}  // namespace monge::train
