#include "monge/train/trainer.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/ScopeExit.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <set>

#include "monge/core/error.h"
#include "monge/ot/light.h"
#include "monge/solve/nets.h"
#include "monge/solve/precision.h"
#include "monge/train/finite_state.h"
#include "monge/train/iteration_batches.h"
#include "monge/train/source_check.h"

namespace monge::train {

Trainer::Trainer(const Recipe& recipe, TrainingData data, torch::Device device, std::filesystem::path folder,
                 LogSink log, const Files& files, dist::ProcessGroup& group)
    : recipe_(recipe),
      data_(std::move(data)),
      folder_(std::move(folder)),
      log_(std::move(log)),
      files_(files),
      group_(group) {
  validate(recipe_);
  resolve_images(recipe_, data_);
  if (const auto line = solve::resolve_penalty(recipe_, data_.source->item_shape()); !line.empty())
    log_(LogLevel::info, line);
  const auto method = solve::make_method(recipe_);
  method->check_items(data_.source->item_shape());
  require(data_.standardisation.has_value() == (recipe_.data.standardise != "off"),
          "data.standardise = ", recipe_.data.standardise, ": the data are ", data_.standardisation ? "" : "not ",
          "standardised; open_training_data opens them as the recipe says");
  check_output_options(recipe_, data_.source->item_shape());
  columns_ = data::ColumnNames{data_.source->table_names().columns, data_.target->table_names().columns}.completed();
  if (method->level_is_open()) {
    const auto shape = measure_source(*data_.source, static_cast<uint64_t>(recipe_.train.seed));
    resolve_noise_level(recipe_, shape, data_.source->size(), log_);
  }
  const auto seed = static_cast<uint64_t>(recipe_.train.seed);
  dist::slice_of_batch(recipe_.train.batch, group_);  // throws for a batch that cannot be divided
  // Each rank has measured the noise level by itself, perhaps with another number of threads and so with other
  // roundings.
  if (auto* level = method->noise_level(recipe_.methods)) *level = group_.broadcast(*level);
  const data::SamplerOptions sampling{.flip = recipe_.data.flip,
                                      .random_crop = recipe_.data.random_crop,
                                      .rank = group_.rank(),
                                      .group = group_.size()};
  source_sampler_ = std::make_shared<data::Sampler>(data_.source, seed, "source", sampling);
  target_sampler_ = std::make_shared<data::Sampler>(data_.target, seed, "target", sampling);
  solver_ = new_solver(device);
  augmentation_ = AugmentationControl::make(recipe_, data_);
  ahead_ = device.is_cuda() ? 1 : 0;
}

std::unique_ptr<solve::Solver> Trainer::new_solver(torch::Device device) const {
  const auto source_shape = data_.source->item_shape();
  return std::make_unique<solve::Solver>(recipe_, solve::make_nets(recipe_, source_shape, data_.target->item_shape()),
                                         c10::multiply_integers(source_shape), device, group_);
}

bool Trainer::keeps_on_device(const data::Source& source) const {
  const auto device = solver_->device();
  const auto& where = recipe_.data.cache;
  if (device.is_cpu() || source.endless() || (where != "auto" && where != "gpu")) return false;
  if (where == "gpu") return true;
  if (!source.is_quick())
    return false;  // decoding all of it before the first iteration takes long, with no progress shown
  const auto one = source.stored_items({0});
  const auto bytes = static_cast<double>(one.nbytes()) * static_cast<double>(source.size());
  const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  const auto free = static_cast<double>(c10::getDeviceAllocator(device.type())->getMemoryInfo(index).first);
  return bytes <= free / 4;
}

/// Starts a plan in closed form from samples of a new training.
void Trainer::start_plan() {
  constexpr int64_t most = 20'000;  // for means, variances and the first components
  const int64_t components = recipe_.section<ot::LightOptions>().components;
  if (!data_.target->endless() && data_.target->size() < components) {
    throw InputError({.what = text("each component starts at a target sample, and there are ", data_.target->size()),
                      .where = "light.components",
                      .value = std::to_string(components),
                      .allowed = text("at most ", data_.target->size())});
  }
  const RandomStreams streams(static_cast<uint64_t>(recipe_.train.seed));
  const auto some = [&](const data::Source& from, const char* stream) {
    return data::some_items(from, std::max(most, components), streams.at(stream, 0));
  };
  solver_->initialise_plan(some(*data_.source, "plan source"), some(*data_.target, "plan target"));
}

solve::BatchProvider Trainer::batch_provider() {
  const auto loader = [this](const std::shared_ptr<const data::Sampler>& sampler) {
    data::LoaderOptions options;
    options.batch = dist::slice_of_batch(recipe_.train.batch, group_).length;
    options.workers = recipe_.data.workers;
    // An iteration reads all its batches before it begins. With fewer than those made ahead, the nets would wait.
    options.prefetch = std::max(recipe_.data.prefetch, steps_of_iteration(0, recipe_, solver_->method()).source_count);
    options.device = solver_->device();
    options.type = solve::state_type(recipe_.train.precision);
    options.resident = keeps_on_device(sampler->source());
    return std::make_shared<data::Loader>(sampler, options);
  };
  if (!source_loader_) {
    source_loader_ = loader(source_sampler_);
    target_loader_ = loader(target_sampler_);
  }
  return {[from = source_loader_](int64_t step) { return from->batch(step); },
          [from = target_loader_](int64_t step) { return from->batch(step); }};
}

double Trainer::data_wait() const { return source_loader_ ? source_loader_->waited() + target_loader_->waited() : 0; }

void Trainer::start_from(const nn::NamedTensors& weights) {
  if (group_.is_root()) {
    std::set<std::string> wanted;
    for (const auto& [name, tensor] : weights) wanted.insert(name);
    auto own = solver_->state();
    std::erase_if(own, [&](const auto& entry) { return wanted.count(entry.first) == 0; });
    nn::copy_state(own, weights, {.what = "the weights to start from do not fit this recipe's training"});
  }
  solver_->broadcast_state();
  has_state_ = from_weights_ = true;
  if (answers_divergence()) start_weights_ = weights;
}

void Trainer::end_early(const std::string& reason) {
  if (done_ >= recipe_.train.iterations || !early_end_.empty()) return;
  early_end_ = reason;
  log_(LogLevel::info, text("the training ends at iteration ", done_, " of ", recipe_.train.iterations, ": ", reason));
}

void Trainer::set_evaluation_due(bool due) {
  if (due == evaluation_due_) return;
  evaluation_due_ = due;
  saved_at_ = -1;  // a checkpoint of this iteration says otherwise
}

void Trainer::leave_evaluation() {
  set_evaluation_due(true);
  left_evaluation_ = stop_agreed_ = true;
}

bool Trainer::nets_needed(int64_t done) const {
  if (done >= recipe_.train.iterations || done % recipe_.checkpoint.every == 0) return true;
  if (augmentation_ && AugmentationControl::due(done)) return true;
  // All ranks must launch the same iterations before they stop, whatever observers each of them has.
  if (group_.size() > 1) {
    const int64_t drawn_every = recipe_.samples.every;
    return recipe_.eval.due_after(done) || (drawn_every > 0 && done % drawn_every == 0);
  }
  return std::any_of(observers_.begin(), observers_.end(),
                     [&](const Observer* o) { return o->needs_nets(*this, done); });
}

/// Belongs to the iteration: a state that is saved contains it.
void Trainer::follow_overfitting() {
  if (augmentation_ && AugmentationControl::due(done_)) augmentation_->update(*solver_, group_, done_);
}

void Trainer::report() {
  solve::IterationMetrics metrics;
  try {
    metrics = solver_->collect();
  } catch (const DivergedError& error) {
    if (!roll_back(error.complaint().what, /*finite=*/false)) throw;
    return;
  }
  ++done_;
  evaluation_due_ = false;
  alarm_ = watch_.add(metrics).value_or("");
  stop_agreed_ = stop_agreed_ || metrics.stop;
  try {
    follow_overfitting();
    for (auto* observer : observers_) observer->iteration_done(*this, done_, metrics);
  } catch (...) {
    save_after_failure();  // an evaluation or an image that fails must not cost the iterations before it
    throw;
  }
  if (answer_alarm()) return;
  warn_of_alarm();
  const bool due = done_ % recipe_.checkpoint.every == 0;
  if ((due || done_ >= recipe_.train.iterations || !early_end_.empty()) && saved_at_ != done_) {
    if (const auto tensor = tensor_not_finite(*solver_, group_); !tensor.empty()) {
      const auto message = not_finite_message(done_, tensor);
      if (!roll_back(message, /*finite=*/false)) throw DivergedError(message);
      return;
    }
  }
  const auto sound_before = sound_;
  note_if_sound();
  if (!due || saved_at_ == done_) return;
  save_if_possible();
  if (saved_at_ != done_) sound_ = sound_before;  // there is nothing to return to
}

bool Trainer::run(const std::atomic<bool>& stop) {
  const auto batches = batch_provider();
  early_end_.clear();
  alarm_.clear();
  if (!has_state_ && solver_->method().has_closed_form()) start_plan();
  has_state_ = true;
  start_watch();
  stop_ = &stop;
  const auto forget_flag = c10::make_scope_exit([this] { stop_ = nullptr; });
  stop_agreed_ = left_evaluation_ = false;
  const bool was_due = evaluation_due_;
  for (auto* observer : observers_) observer->started(*this, done_);
  // An evaluation that was due has been made. The one behind the last iteration comes too late for a return.
  const bool late = recipe_.eval.due_after(done_, recipe_.train.iterations) && !recipe_.eval.due_after(done_);
  if (late || !answer_alarm()) {
    warn_of_alarm();
    if (was_due && !evaluation_due_ && saved_at_ != done_) save_if_possible();
  }
  const auto reached = [&] { return done_ + solver_->launched(); };
  // With several ranks, one rank's request to stop is sent with an iteration, so that all stop after the same one.
  const bool alone = group_.size() == 1;
  const auto stops = [&] { return alone ? stop.load() : stop_agreed_; };
  // Ranks that have all items in memory do not ask each other in every iteration whether they could read them.
  const bool ask = alone || !data_.source->is_quick() || !data_.target->is_quick();
  const auto goes_on = [&] { return reached() < recipe_.train.iterations && !stops() && early_end_.empty(); };
  while (goes_on()) {
    const auto read = read_batches(batches, steps_of_iteration(reached(), recipe_, solver_->method()));
    if (!ask && read.failure) std::rethrow_exception(read.failure);
    if (ask && any_rank_failed(read.failure, group_)) {
      while (solver_->launched() > 0) report();
      try {
        if (done_ > 0 && saved_at_ != done_) save();
      } catch (const Error& error) {
        log_(LogLevel::warning, text("no checkpoint of iteration ", done_, " was saved: ", error.what()));
      }
      throw_read_failure(read.failure, group_);
    }
    try {
      solver_->launch(reached(), read.batches, stop);
    } catch (...) {
      // A single rank reports the iterations before it. One of several ranks must not, because the others continue, and
      // reporting may need all of them.
      while (alone && solver_->launched() > 0) report();
      throw;
    }
    const int64_t ahead = nets_needed(reached()) ? 0 : ahead_;
    while (solver_->launched() > ahead) report();
    // The last iterations may tell of a divergence too, and the training then returns to before them.
    while (!goes_on() && solver_->launched() > 0) report();
  }
  if (saved_at_ != done_) save();
  const bool finished = done_ >= recipe_.train.iterations || !early_end_.empty();
  alarm_.clear();
  for (auto* observer : observers_) observer->ended(*this, done_, finished && !left_evaluation_);
  if (saved_at_ != done_) save_if_possible();  // the last evaluation has been made; else it is made again on resume
  warn_of_alarm();
  return finished && !left_evaluation_;
}

}  // namespace monge::train
