// Solver: the order of an outer iteration, its launch, and the collection of its metrics.
#include <torch/types.h>

#include <cmath>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/nn/gaussian_plan.h"
#include "monge/nn/gradient_map.h"
#include "monge/ot/ema.h"
#include "monge/ot/gradient_pair.h"
#include "monge/solve/autocast.h"
#include "monge/solve/batch_pieces.h"
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
  const double factor = ot::rate_factor(schedule_, iteration) * rate_scale_;
  // An average that starts from trained weights must not forget them early on.
  const double decay = options_.train.init.empty()
                           ? ot::ema_decay(options_.train.ema, iteration, options_.train.ema_ramp)
                           : options_.train.ema;
  return {.values = method_->at(iteration),
          .rate_map = options_.train.lr_map * factor,
          .rate_potential = options_.train.lr_potential * factor,
          .average = 1.0 - decay,
          .augmentation = augmentation_strength(),
          .alpha = options_.unbalanced.alpha_at(iteration),
          .penalise = p.r1.value_or(0) > 0 && iteration % p.r1_every == 0};
}

/// This rank's slice of a batch, of which it has `own` items.
dist::Slice Solver::slice_of_items(int64_t own) const { return {group_.rank() * own, own, group_.size() * own}; }

torch::Tensor Solver::smoothed(const Direction& direction, const torch::Tensor& x, int64_t place,
                               const ot::Smoothing& smoothing, const torch::Tensor& tint) {
  if (smoothing.eps == 0) return x;
  const char* purpose = direction.reversed ? "inverse smoothing" : "smoothing";
  return ot::smooth(x, smoothing,
                    ot::smoothing_noise(x, smoothing, streams_.at(purpose, place, slice_of_items(x.size(0))), tint)
                        .to(x.scalar_type()));
}

/// The map's inputs and the draws that belong to them.
std::pair<torch::Tensor, Draws> Solver::source_batch(const Direction& direction, const torch::Tensor& x, int64_t place,
                                                     int64_t per_input, const IterationSchedule& schedule) {
  const auto& smoothing = schedule.values.smoothing;
  auto draws = draw(direction, x, place, per_input, schedule.augmentation);
  if (!method_->hides_smoothing()) return {smoothed(direction, x, place, smoothing), draws};
  draws.cost_input = smoothed(direction, x, place, smoothing, draws.z.select(1, 0));
  return {x, draws};
}

Draws Solver::draw(const Direction& direction, const torch::Tensor& like, int64_t place, int64_t per_input,
                   const ot::HostOrDeviceScalar& augmentation) {
  const bool reversed = direction.reversed;
  Draws out;
  const auto slice = slice_of_items(like.size(0));
  if (noise_.channels > 0)
    out.z = draw_noise(like, per_input, noise_, streams_.at(reversed ? "inverse z" : "z", place, slice));
  // The weights of noise levels are normalised by their mean over the whole batch.
  if (method_->conditional()) {
    out.perturbation =
        method_->perturb(like, streams_.at(reversed ? "inverse sigma" : "sigma", place, slice, /*of_whole=*/true));
  }
  if (augmentation_ != ot::AugmentationKind::none) {
    out.augmentation = ot::draw_augmentation(augmentation_, like.size(0), augmentation,
                                             streams_.at(reversed ? "inverse augment" : "augment", place, slice));
  }
  return out;
}

void Solver::update_averages(const IterationSchedule& schedule) {
  for (auto& d : directions_) {
    if (!d.ema) continue;
    ot::ema_update(d.averaged.whole(), d.adam_map->values(), schedule.average);
    d.averaged_statistics.copy_from(d.statistics);  // running statistics are averages already
  }
}

/// Writes the metrics of an update. @return whether the iteration must stop: on a CPU, where reading costs nothing,
/// after the first blocked step.
bool Solver::record(const Update& update) {
  metric_buffer_.write(written_++, update);
  return device_.is_cpu() && host_value(update.blocked) != 0;
}

/// K_T updates of the map and one of the potential. @return as record.
bool Solver::alternating_updates(Direction& direction, const IterationBatches& batches,
                                 const IterationSchedule& schedule) {
  const int64_t k_t = options_.train.k_t;
  const auto& from = direction.reversed ? batches.target : batches.source;
  const auto& to = direction.reversed ? batches.source : batches.target;
  for (int64_t t = 0; t < k_t; ++t) {
    const auto [x, draws] = source_batch(direction, from(t), t, noise_.samples_per_input, schedule);
    if (record(map_update(direction, x, draws, schedule))) return true;
  }
  const auto [x, draws] = source_batch(direction, from(k_t), k_t, 1, schedule);
  return record(potential_update(direction, x, to(k_t), draws, schedule));
}

/// One update of each net from the same batch, with the gradients at the nets before it. @return as record.
bool Solver::simultaneous_update(Direction& direction, const IterationBatches& batches,
                                 const IterationSchedule& schedule) {
  const auto& from = direction.reversed ? batches.target : batches.source;
  const auto& to = direction.reversed ? batches.source : batches.target;
  const auto [x, draws] = source_batch(direction, from(0), 0, noise_.samples_per_input, schedule);
  torch::Tensor outputs;
  auto of_map = map_gradients(direction, x, draws, schedule, &outputs);
  auto of_potential = potential_gradients(direction, x, to(0), draws, schedule, outputs.select(1, 0));
  // The potential's backward pass has switched the map's gradients off; they are in the optimiser's memory.
  direction.adam_map->require_gradients(true);
  direction.adam_map->attach_gradients();
  finish_update(direction, /*map=*/true, schedule, of_map);
  finish_update(direction, /*map=*/false, schedule, of_potential);
  return record(of_map) || record(of_potential);
}

/// The same for two gradient maps, whose nets have both roles. @return as record.
bool Solver::gradient_pair_update(const IterationBatches& batches, const IterationSchedule& schedule) {
  auto& direction = directions_[0];
  const auto& p = options_.potential;
  const auto [x, draws] = source_batch(direction, batches.source(0), 0, 1, schedule);
  const auto y = batches.target(0);
  const std::pair<Adam*, GradientReducer*> both[] = {{direction.adam_map, direction.reducer_map},
                                                     {direction.adam_potential, direction.reducer_potential}};
  for (const auto& [adam, reducer] : both) {
    adam->require_gradients(true);
    adam->zero_grad();
  }
  const auto of = [this](nn::PotentialNet& net) {
    return [this, &net](const torch::Tensor& points) {
      const PrecisionScope arithmetic(device_, options_.train.precision);
      const auto found = net.value_and_gradient(points);
      return std::pair{found.value_B.to(points.scalar_type()), found.gradient_BD.to(points.scalar_type())};
    };
  };
  const ot::GradientPairOptions options{
      .tau = tau_,
      .potential_weight = p.weight,
      .expectile = p.expectile,
      .expectile_level = p.expectile_level,
      .expectile_scale = expectile_scale(x, y),
      .r1 = schedule.penalise ? p.r1.value_or(0) * static_cast<double>(p.r1_every) : 0,
      .both = directions_.size() == 2,
      .marginals = marginals_,
      .alpha = schedule.alpha};
  auto& source_net = *dynamic_cast<nn::GradientMap&>(*direction.map).potential();
  const int64_t batch = x.size(0);
  Update of_map, of_potential;
  for_pieces(batch, options_.train.accumulate, [&, &x = x](int64_t begin, int64_t length) {
    const double fraction = static_cast<double>(length) / static_cast<double>(batch);
    const auto loss = ot::gradient_pair_loss(of(source_net), of(*direction.potential), x.narrow(0, begin, length),
                                             y.narrow(0, begin, length), options);
    if (begin + length == batch) {
      for (const auto& [adam, reducer] : both) {
        if (reducer) reducer->begin_final_backward();
      }
    }
    // Both optimisers have the same options, and so the same loss scale until a step of one is blocked.
    direction.adam_map->scaled(fraction * part_ == 1 ? loss.total : loss.total * (fraction * part_)).backward();
    add_part(of_map.loss, loss.map, fraction);
    add_part(of_map.cost, loss.cost, fraction);
    add_part(of_map.potential, loss.fake, fraction);
    add_part(of_potential.loss, loss.potential, fraction);
  });
  finish_update(direction, /*map=*/true, schedule, of_map);
  finish_update(direction, /*map=*/false, schedule, of_potential);
  return record(of_map) || record(of_potential);
}

/// One step of a plan in closed form, whose map is its potential. @return as record.
bool Solver::closed_form_update(const IterationBatches& batches, const IterationSchedule& schedule) {
  auto& direction = directions_[0];
  auto& plan = dynamic_cast<nn::GaussianPlanPotential&>(*direction.potential);
  const auto x = batches.source(0), y = batches.target(0);
  direction.adam_map->require_gradients(true);
  direction.adam_map->zero_grad();
  const int64_t batch = x.size(0);
  Update update;
  for_pieces(batch, options_.train.accumulate, [&](int64_t begin, int64_t length) {
    const double fraction = static_cast<double>(length) / static_cast<double>(batch);
    const auto x_piece = x.narrow(0, begin, length), y_piece = y.narrow(0, begin, length);
    const auto loss = plan.loss(x_piece, y_piece).mean();
    if (direction.reducer_map && begin + length == batch) direction.reducer_map->begin_final_backward();
    direction.adam_map->scaled(fraction * part_ == 1 ? loss : loss * (fraction * part_)).backward();
    add_part(update.loss, loss, fraction);
    const at::NoGradGuard no_grad;
    add_part(update.cost, 2 * tau_ * plan.conditional_cost(x_piece).mean(), fraction);
    add_part(update.potential, plan.forward(y_piece).mean(), fraction);
  });
  finish_update(direction, /*map=*/true, schedule, update);
  if (record(update)) return true;
  for (auto* metric : {&update.loss, &update.gradient_norm, &update.blocked})
    *metric = torch::zeros_like(*metric);  // the potential has no step of its own
  return record(update);
}

/// All device work of an outer iteration. It reads no value from the device. On a CPU it returns after the first
/// blocked step.
void Solver::body(const IterationSchedule& schedule, const IterationBatches& batches) {
  written_ = 0;
  if (method_->has_closed_form()) {
    if (closed_form_update(batches, schedule)) return;
  } else if (as_gradient_pair_) {
    if (gradient_pair_update(batches, schedule)) return;
  } else {
    for (auto& direction : directions_) {
      if (options_.train.updates_simultaneously() ? simultaneous_update(direction, batches, schedule)
                                                  : alternating_updates(direction, batches, schedule))
        return;
    }
  }
  update_averages(schedule);
}

/// Whether an iteration takes one batch of each side.
bool Solver::takes_one_batch() const { return options_.train.updates_simultaneously() || method_->has_closed_form(); }

/// The source batch with which an iteration begins.
int64_t Solver::first_step(int64_t iteration) const {
  return takes_one_batch() ? iteration : iteration * (options_.train.k_t + 1);
}

/// Copies all inputs of the body to fixed addresses, so that it can be captured and replayed, and runs it.
void Solver::launch_captured(const IterationSchedule& schedule, const IterationBatches& batches) {
  const int64_t most = takes_one_batch() ? 1 : options_.train.k_t + 1;
  const auto hold = [&](std::vector<torch::Tensor>& kept, int64_t place, const torch::Tensor& batch) {
    if (static_cast<int64_t>(kept.size()) <= place) kept.resize(static_cast<size_t>(place) + 1);
    auto& held = kept[static_cast<size_t>(place)];
    if (!held.defined() || held.sizes() != batch.sizes()) {
      graphs_.clear();
      held = torch::empty_like(batch);
    }
    held.copy_(batch, /*non_blocking=*/true);
  };
  const int64_t first_target = options_.train.trains_inverse() ? 0 : most - 1;
  for (int64_t t = 0; t < most; ++t) {
    hold(source_batches_, t, batches.source(t));
    if (t >= first_target) hold(target_batches_, t, batches.target(t));
  }
  const IterationBatches held{[this](int64_t t) { return source_batches_[static_cast<size_t>(t)]; },
                              [this](int64_t t) { return target_batches_[static_cast<size_t>(t)]; }};
  const auto set = device_scalars_.set(schedule);
  const std::string key = text(schedule.penalise ? "r1 " : "", schedule.values.smoothing.eps != 0 ? "smoothed" : "");
  graphs_.run(key, [&] { body(set, held); }, streams_.all());
}

/// Decompositions stay outside the captured work.
void Solver::refresh_bases(int64_t iteration) {
  if (!options_.train.uses_soap() || (iteration + 1) % options_.train.basis_every != 0) return;
  for (auto& trained : trained_) trained.adam->refresh_basis();
}

void Solver::launch(int64_t iteration, const BatchProvider& batches, bool stop) {
  const int64_t first = first_step(iteration);
  // Without the reversed problem an iteration takes one target batch, and these are counted by iterations.
  const bool alike = options_.train.trains_inverse();
  const IterationBatches own{[&](int64_t place) { return batches.source(first + place); },
                             [&](int64_t place) { return batches.target(alike ? first + place : iteration); }};
  const auto now = schedule(iteration);
  streams_.begin(first);
  if (device_.is_cuda()) group_.note_begun();
  for (auto& trained : trained_) {
    if (trained.reducer) trained.reducer->want_stop(stop);
  }
  if (captured_) {
    launch_captured(now, own);
  } else {
    body(now, own);
  }
  refresh_bases(iteration);
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

/// What to change after a diverged update, as part of a sentence.
std::string Solver::advice_when_diverged(bool is_map) const {
  if (method_->has_closed_form()) return "lower train.lr_map, set a larger light.epsilon or train.clip = 1";
  if (marginals_.source == ot::Divergence::kl || marginals_.target == ot::Divergence::kl)
    return "raise unbalanced.alpha and unbalanced.alpha_start, or take softplus for kl, whose conjugate is an "
           "exponential";
  if (as_gradient_pair_)
    return "lower potential.weight, or train.lr_map and train.lr_potential, or raise potential.expectile";
  return text("lower ", is_map ? "train.lr_map" : "train.lr_potential",
              ", set potential.r1 = ", number(advised_r1(tau_)), " or train.clip = 1");
}

/// @param row_index  the row of the metrics: for each direction K_T updates of the map, then the potential's.
void Solver::throw_diverged(int64_t iteration, int64_t row_index, const MetricBuffer::Row& row) const {
  const int64_t k_t = options_.train.k_t, update = row_index % (k_t + 1);
  const bool is_map = update < k_t, both = options_.train.trains_inverse();
  const bool reversed = row_index > k_t;
  const int64_t step = first_step(iteration) + (takes_one_batch() ? 0 : update);
  const auto batch = text(reversed ? "target" : "source", " batch ", step,
                          is_map ? "" : text(", ", reversed ? "source" : "target", " batch ", both ? step : iteration));
  throw DivergedError(
      {.what = text("the training diverged: outer iteration ", iteration, ", ", reversed ? "reversed problem, " : "",
                    is_map ? text("map update ", update + 1, " of ", k_t) : std::string("potential update"), " (",
                    batch, "): loss ", row.loss, ", gradient norm ", row.gradient_norm, diverged_ranks(row),
                    std::isnan(row.loss) && std::isfinite(row.gradient_norm)
                        ? "; its gradient is finite, so a moment of the optimiser may not be"
                        : ""),
       .fix = "the step was not taken; " + advice_when_diverged(is_map) + ", or look at that batch"});
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
    const auto place = static_cast<int64_t>(u);
    const bool is_map = place % (k_t + 1) < k_t;
    int64_t& in_a_row = is_map ? blocked_maps_ : blocked_potentials_;
    in_a_row = row.blocked != 0 ? in_a_row + 1 : 0;
    if (row.blocked != 0) {
      ++out.skipped;
      if (!may_skip || in_a_row > kMostBlocked) throw_diverged(iteration, place, row);
    }
    if (!row.ranks.empty() && row.ranks[0] > 0) out.stop = true;
    if (place > k_t) continue;  // of the reversed problem
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

void Solver::stabilise(double rate, double r1, int64_t r1_every) {
  rate_scale_ = rate;
  options_.potential.r1 = r1;
  options_.potential.r1_every = r1_every;
  graphs_.clear();  // a captured iteration has the weight of R1 in it
}

void Solver::discard_launched() {
  while (launched() > 0) {
    metric_buffer_.receive();
    if (device_.is_cuda()) group_.note_done();
    launched_.pop_front();
  }
  blocked_maps_ = blocked_potentials_ = 0;
}

IterationMetrics Solver::outer_iteration(int64_t iteration, const BatchProvider& batches) {
  require(launched() == 0, "the launched iterations must be collected first");
  launch(iteration, batches);
  return collect();
}

}  // namespace monge::solve
