// Solver: the order of an outer iteration, its launch, and the collection of its metrics.
#include <torch/types.h>

#include <cmath>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/ot/ema.h"
#include "monge/solve/precision.h"
#include "monge/solve/solver.h"

namespace monge::solve {
namespace {

// With fp16 the loss scale may block a few updates before it settles; more than this many in a row is a divergence.
constexpr int64_t kMostBlocked = 50;

}  // namespace

double Solver::augmentation_strength() const {
  if (augmentation_ == ot::AugmentationKind::none) return 0;
  return augmentation_state_.defined() ? augmentation_state_[0].item<double>()
                                       : options_.potential.augment_strength.value_or(0);
}

IterationSchedule Solver::schedule(int64_t iteration) const {
  const auto& p = options_.potential;
  const double factor = ot::rate_factor(schedule_, iteration);
  // An average that starts from trained weights must not forget them early on.
  const double decay = options_.train.init.empty()
                           ? ot::ema_decay(options_.train.ema, iteration, options_.train.ema_ramp)
                           : options_.train.ema;
  return {.values = method_->at(iteration),
          .rate_map = options_.train.lr_map * factor,
          .rate_potential = options_.train.lr_potential * factor,
          .average = 1.0 - decay,
          .augmentation = augmentation_strength(),
          .penalise = p.r1.value_or(0) > 0 && iteration % p.r1_every == 0};
}

/// This rank's slice of a batch, of which it has `own` items.
dist::Slice Solver::slice_of_items(int64_t own) const { return {group_.rank() * own, own, group_.size() * own}; }

torch::Tensor Solver::smoothed(const torch::Tensor& x, int64_t place, const ot::Smoothing& smoothing,
                               const torch::Tensor& tint) {
  if (smoothing.eps == 0) return x;
  return ot::smooth(x, smoothing,
                    ot::smoothing_noise(x, smoothing, streams_.at("smoothing", place, slice_of_items(x.size(0))), tint)
                        .to(x.scalar_type()));
}

/// The map's inputs and the draws that belong to them.
std::pair<torch::Tensor, Draws> Solver::source_batch(const torch::Tensor& x, int64_t place, int64_t per_input,
                                                     const IterationSchedule& schedule) {
  const auto& smoothing = schedule.values.smoothing;
  auto draws = draw(x, place, per_input, schedule.augmentation);
  if (!method_->hides_smoothing()) return {smoothed(x, place, smoothing), draws};
  draws.cost_input = smoothed(x, place, smoothing, draws.z.select(1, 0));
  return {x, draws};
}

Draws Solver::draw(const torch::Tensor& like, int64_t place, int64_t per_input,
                   const ot::HostOrDeviceScalar& augmentation) {
  Draws out;
  const auto slice = slice_of_items(like.size(0));
  if (noise_.channels > 0) out.z = draw_noise(like, per_input, noise_, streams_.at("z", place, slice));
  // The weights of noise levels are normalised by their mean over the whole batch.
  if (method_->conditional())
    out.perturbation = method_->perturb(like, streams_.at("sigma", place, slice, /*of_whole=*/true));
  if (augmentation_ != ot::AugmentationKind::none)
    out.augmentation =
        ot::draw_augmentation(augmentation_, like.size(0), augmentation, streams_.at("augment", place, slice));
  return out;
}

void Solver::update_average(const IterationSchedule& schedule) {
  if (!ema_) return;
  ot::ema_update(averaged_.whole(), adam_map_.values(), schedule.average);
  averaged_statistics_.copy_from(statistics_);  // running statistics are averages already
}

/// All device work of an outer iteration. It reads no value from the device. On a CPU, where reading costs nothing, it
/// returns after the first blocked step.
void Solver::body(const IterationSchedule& schedule, const IterationBatches& batches) {
  const int64_t k_t = options_.train.k_t;
  written_ = 0;
  const auto failed = [&](const Update& update) {
    metric_buffer_.write(written_++, update);
    return device_.is_cpu() && host_value(update.blocked) != 0;
  };
  for (int64_t t = 0; t < k_t; ++t) {
    const auto [x, draws] = source_batch(batches.source(t), t, noise_.samples_per_input, schedule);
    if (failed(map_update(x, draws, schedule))) return;
  }
  const auto [x, draws] = source_batch(batches.source(k_t), k_t, 1, schedule);
  if (failed(potential_update(x, batches.target(), draws, schedule))) return;
  update_average(schedule);
}

/// Copies all inputs of the body to fixed addresses, so that it can be captured and replayed, and runs it.
void Solver::launch_captured(const IterationSchedule& schedule, const IterationBatches& batches) {
  const int64_t sources = options_.train.k_t + 1;
  for (int64_t t = 0; t <= sources; ++t) {
    auto batch = t < sources ? batches.source(t) : batches.target();
    if (static_cast<int64_t>(batches_.size()) <= t) batches_.emplace_back();
    auto& held = batches_[static_cast<size_t>(t)];
    if (!held.defined() || held.sizes() != batch.sizes()) {
      graphs_.clear();
      held = torch::empty_like(batch);
    }
    held.copy_(batch, /*non_blocking=*/true);
  }
  const IterationBatches held{[this](int64_t t) { return batches_[static_cast<size_t>(t)]; },
                              [this] { return batches_.back(); }};
  const auto set = device_scalars_.set(schedule);
  const std::string key = text(schedule.penalise ? "r1 " : "", schedule.values.smoothing.eps != 0 ? "smoothed" : "");
  graphs_.run(key, [&] { body(set, held); }, streams_.all());
}

void Solver::launch(int64_t iteration, const BatchProvider& batches, bool stop) {
  const int64_t first = iteration * (options_.train.k_t + 1);
  const IterationBatches own{[&](int64_t place) { return batches.source(first + place); },
                             [&] { return batches.target(iteration); }};
  const auto now = schedule(iteration);
  streams_.begin(first);
  if (device_.is_cuda()) group_.note_begun();
  if (reducer_map_) {
    reducer_map_->want_stop(stop);
    reducer_potential_->want_stop(stop);
  }
  if (captured_) {
    launch_captured(now, own);
  } else {
    body(now, own);
  }
  metric_buffer_.send(written_);
  launched_.emplace_back(iteration, now);
}

/// The ranks of a job whose own loss or gradient was not finite, as ", on rank 1 on host b".
std::string Solver::diverged_ranks(const MetricBuffer::Row& row) const {
  std::string out;
  int64_t count = 0;
  for (size_t i = 1; i < row.ranks.size(); ++i) {
    if (std::isfinite(row.ranks[i])) continue;
    if (++count <= 8) out += (count == 1 ? ", on " : ", ") + group_.name_of(static_cast<int64_t>(i) - 1);
  }
  return count > 8 ? out + text(" and ", count - 8, " more") : out;
}

/// @param update  the update's place in its iteration, 0 .. K_T; the last is the potential's.
void Solver::throw_diverged(int64_t iteration, int64_t update, const MetricBuffer::Row& row) const {
  const int64_t k_t = options_.train.k_t;
  const bool is_map = update < k_t;
  throw DivergedError(
      {.what = text("the training diverged: outer iteration ", iteration, ", ",
                    is_map ? text("map update ", update + 1, " of ", k_t) : std::string("potential update"),
                    " (source batch ", iteration * (k_t + 1) + update, is_map ? "" : text(", target batch ", iteration),
                    "): loss ", row.loss, ", gradient norm ", row.gradient_norm, diverged_ranks(row)),
       .fix = text("the step was not taken; lower ", is_map ? "train.lr_map" : "train.lr_potential",
                   ", set potential.r1 = ", number(advised_r1(tau_)), " or train.clip = 1, or look at that batch")});
}

IterationMetrics Solver::collect() {
  const auto rows = metric_buffer_.receive();
  if (device_.is_cuda()) group_.note_done();
  const auto [iteration, schedule] = launched_.front();
  launched_.pop_front();
  const int64_t k_t = options_.train.k_t;
  const bool may_skip = scales_loss(options_.train.precision, device_);
  IterationMetrics out;
  double maps = 0;
  for (size_t u = 0; u < rows.size(); ++u) {
    const auto& row = rows[u];
    const bool is_map = static_cast<int64_t>(u) < k_t;
    int64_t& in_a_row = is_map ? blocked_maps_ : blocked_potentials_;
    in_a_row = row.blocked != 0 ? in_a_row + 1 : 0;
    if (row.blocked != 0) {
      ++out.skipped;
      if (!may_skip || in_a_row > kMostBlocked) throw_diverged(iteration, static_cast<int64_t>(u), row);
    }
    if (!row.ranks.empty() && row.ranks[0] > 0) out.stop = true;
    if (is_map) {
      out.loss_map += row.loss;
      out.cost += row.cost;
      out.potential_fake += row.potential;
      out.gradient_map = row.gradient_norm;
      ++maps;
    } else {
      out.loss_potential = row.loss;
      out.gradient_potential = row.gradient_norm;
    }
  }
  out.loss_map /= maps;
  out.cost /= maps;
  out.potential_fake /= maps;
  out.rate_map = schedule.rate_map.value;
  out.rate_potential = schedule.rate_potential.value;
  out.noise_level = schedule.values.smoothing.eps;
  out.augmentation = schedule.augmentation.value;
  return out;
}

IterationMetrics Solver::outer_iteration(int64_t iteration, const BatchProvider& batches) {
  require(launched() == 0, "the launched iterations must be collected first");
  launch(iteration, batches);
  return collect();
}

}  // namespace monge::solve
