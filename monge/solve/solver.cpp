#include "monge/solve/solver.h"

#include <torch/types.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/nn/batch_norm_sums.h"
#include "monge/nn/gaussian_plan.h"
#include "monge/nn/gradient_map.h"
#include "monge/ot/cost.h"
#include "monge/ot/losses.h"
#include "monge/ot/regulariser.h"
#include "monge/solve/autocast.h"
#include "monge/solve/batch_pieces.h"
#include "monge/solve/precision.h"

namespace monge::solve {
namespace {

/// @throws InputError for options that contradict one another, or a noise level that is still left to the data.
std::unique_ptr<ot::Method> checked_method(const SolverOptions& options, int64_t dim) {
  auto method = make_method(options, dim);
  method->check();
  method->at(0);
  return method;
}

NamedTensors parameters_of(torch::nn::Module& net, const SolverOptions& options, torch::Device device) {
  net.to(device);
  nn::to_type(net, state_type(options.train.precision));
  if (options.train.channels_last) nn::to_channels_last(net);
  NamedTensors out;
  for (const auto& entry : net.named_parameters()) out.emplace_back(entry.key(), entry.value());
  return out;
}

AdamOptions adam_options(const SolverOptions& options, torch::Device device) {
  const auto& t = options.train;
  return {.beta1 = t.betas.at(0),
          .beta2 = t.betas.at(1),
          .eps = t.eps,
          .weight_decay = t.weight_decay,
          .clip = t.clip,
          .scale_loss = scales_loss(t.precision, device),
          .basis_decay = t.uses_soap() ? std::optional(t.basis_decay) : std::nullopt};
}

bool is_captured(const TrainOptions& options, torch::Device device) {
  const auto capture = capture_names().at(options.graph, "train.graph");
  if (capture != Capture::automatic) return capture == Capture::on;
  return state_type(options.precision) != torch::kFloat64 && GraphCache::can_capture(device);
}

std::vector<torch::Tensor> values(const NamedTensors& named) {
  std::vector<torch::Tensor> out;
  for (const auto& entry : named) out.push_back(entry.second);
  return out;
}

void set_training(torch::nn::Module& net, bool on) {
  if (net.is_training() != on) net.train(on);
}

ot::Perturbation piece(const ot::Perturbation& whole, int64_t begin, int64_t length) {
  if (!whole.defined()) return {};
  return {whole.sigma_B.narrow(0, begin, length), whole.noise.narrow(0, begin, length),
          whole.weight_B.narrow(0, begin, length)};
}

Draws piece(const Draws& whole, int64_t begin, int64_t length) {
  const auto part = [&](const torch::Tensor& t) { return t.defined() ? t.narrow(0, begin, length) : t; };
  return {part(whole.z), piece(whole.perturbation, begin, length), part(whole.cost_input),
          whole.augmentation.piece(begin, length)};
}

}  // namespace

torch::Tensor with_noise(const torch::Tensor& x, const torch::Tensor& z) {
  if (!z.defined()) return x;
  auto shape = x.sizes().vec();
  shape.insert(shape.begin() + 1, z.size(1));
  return torch::cat({x.unsqueeze(1).expand(shape), z}, 2).flatten(0, 1);
}

torch::Tensor draw_noise(const torch::Tensor& x, int64_t per_input, const ot::MapNoise& noise, const ItemDraws& draws) {
  if (noise.channels == 0) return {};
  std::vector<int64_t> shape{x.size(0), per_input, noise.channels};
  for (int64_t axis = 2; axis < x.dim(); ++axis) shape.push_back(x.size(axis));
  auto drawn = shape;
  if (noise.vector) std::fill(drawn.begin() + 3, drawn.end(), 1);
  const auto z = draws.normal(drawn) * noise.std;
  return z.to(x.scalar_type()).expand(shape);
}

Solver::Solver(const SolverOptions& options, Nets nets, int64_t dim, torch::Device device, dist::ProcessGroup& group)
    : options_(options),
      group_(group),
      part_(1.0 / static_cast<double>(group.size())),
      device_(device),
      tau_(ot::cost_scale(options.cost.scale, dim)),
      augmentation_(ot::augmentation_kinds().at(options.potential.augment, "potential.augment")),
      marginals_(options.unbalanced.marginals()),
      method_(checked_method(options, dim)),
      noise_(method_->noise()),
      streams_(static_cast<uint64_t>(options.train.seed), device),
      schedule_(options.train.rates()),
      metric_buffer_((options.train.k_t + 1) * (options.train.trains_inverse() ? 2 : 1), device,
                     group.sends(device) ? group.size() : 0),
      captured_(is_captured(options.train, device)),
      graphs_(device) {
  require(nets.potential->conditional() == method_->conditional(), "method \"", options.method, "\" needs a potential ",
          method_->conditional() ? "with" : "without", " a noise level");
  require((nets.ema != nullptr) == (options.train.ema > 0), "train.ema = ", options.train.ema,
          ": pass an averaged map if and only if it is above 0");
  require((nets.inverse_map != nullptr) == options.train.trains_inverse(), "train.directions = \"",
          options.train.directions, "\": pass an inverse map if and only if it is \"both\"");
  if (options.potential.augments_adaptively()) augmentation_state_ = torch::zeros({2}, torch::kFloat64);
  if (captured_) device_scalars_ = DeviceScalars(device, state_type(options.train.precision));
  directions_.reserve(2);
  add_direction(std::move(nets.map), std::move(nets.ema), std::move(nets.potential));
  if (nets.inverse_map)
    add_direction(std::move(nets.inverse_map), std::move(nets.inverse_ema), std::move(nets.inverse_potential));
  as_gradient_pair_ = options.train.updates_simultaneously() && dynamic_cast<nn::GradientMap*>(&map()) != nullptr &&
                      potential().has_gradient();
  broadcast_state();
}

/// The optimiser of a net, made at its first use. The net of a gradient map is that of its potential, which may have
/// another role in the other direction; that of a plan in closed form is its potential, too.
Adam* Solver::optimiser_of(torch::nn::Module& net, GradientReducer** reducer) {
  const torch::nn::Module* owner = &net;
  if (auto* gradient = dynamic_cast<nn::GradientMap*>(&net)) owner = gradient->potential().get();
  if (auto* plan = dynamic_cast<nn::GaussianPlanMap*>(&net)) owner = plan->potential().get();
  for (auto& trained : trained_) {
    if (trained.net != owner) continue;
    *reducer = trained.reducer.get();
    return trained.adam.get();
  }
  auto adam = std::make_unique<Adam>(parameters_of(net, options_, device_), adam_options(options_, device_));
  std::unique_ptr<GradientReducer> sums;
  if (group_.sends(device_)) {
    sums = std::make_unique<GradientReducer>(group_, adam->parameters(), adam->gradients(),
                                             options_.parallel.bucket_mb << 20);
  }
  trained_.push_back({owner, std::move(adam), std::move(sums)});
  *reducer = trained_.back().reducer.get();
  return trained_.back().adam.get();
}

void Solver::add_direction(std::shared_ptr<nn::MapNet> map, std::shared_ptr<nn::MapNet> ema,
                           std::shared_ptr<nn::PotentialNet> potential) {
  Direction out{.map = std::move(map), .ema = std::move(ema), .potential = std::move(potential)};
  out.adam_map = optimiser_of(*out.map, &out.reducer_map);
  out.adam_potential = optimiser_of(*out.potential, &out.reducer_potential);
  out.statistics = BatchNormBuffers(*out.map);
  out.reversed = !directions_.empty();
  if (group_.sends(device_) && options_.parallel.sync_batch_norm && group_.size() > 1) {
    out.map->synchronise_batch_norm(std::make_shared<nn::RankSums>(
        nn::RankSums{group_.size(), [&group = group_](const torch::Tensor& values) { group.sum(values); }}));
  }
  if (out.ema) make_average(out);
  directions_.push_back(std::move(out));
}

void Solver::make_average(Direction& direction) {
  const auto own = values(parameters_of(*direction.ema, options_, device_));
  nn::load_state_dict(*direction.ema, nn::state_dict(*direction.map), "the averaged map");
  for (auto parameter : own) parameter.requires_grad_(false);
  direction.averaged = FlatParameters(own);
  direction.averaged.adopt(own);
  direction.averaged_statistics = BatchNormBuffers(*direction.ema);
  direction.ema->eval();
}

std::shared_ptr<nn::MapNet> Solver::averaged_inverse_map() const {
  require(directions_.size() == 2, "this training has no inverse map; train with train.directions = \"both\"");
  return directions_[1].used_map();
}

torch::Tensor Solver::transport(nn::MapNet& map, const torch::Tensor& x, const torch::Tensor& z) const {
  auto input = with_noise(x, z);
  if (options_.train.channels_last && input.dim() == 4) input = input.contiguous(torch::MemoryFormat::ChannelsLast);
  torch::Tensor output;
  {
    const PrecisionScope arithmetic(device_, options_.train.precision);
    output = map.forward(input);
  }
  if (output.scalar_type() != x.scalar_type()) output = output.to(x.scalar_type());
  return z.defined() ? output.unflatten(0, std::vector<int64_t>{x.size(0), z.size(1)}) : output.unsqueeze(1);
}

void Solver::initialise_plan(const torch::Tensor& x, const torch::Tensor& y) {
  auto* plan = dynamic_cast<nn::GaussianPlanPotential*>(&potential());
  require(plan != nullptr, "method \"", options_.method, "\" has no plan in closed form to start from samples");
  {
    const torch::NoGradGuard no_grad;
    plan->initialise(x.to(device_), y.to(device_));
  }
  auto& d = directions_[0];
  if (d.ema) d.averaged.whole().copy_(d.adam_map->values());
  broadcast_state();
}

ot::Potential Solver::potential_function(nn::PotentialNet& potential) const {
  return [this, &potential](const torch::Tensor& y, const torch::Tensor& sigma_B) {
    const PrecisionScope arithmetic(device_, options_.train.precision);
    const auto input =
        options_.train.channels_last && y.dim() == 4 ? y.contiguous(torch::MemoryFormat::ChannelsLast) : y;
    return potential.forward(input, sigma_B).to(y.scalar_type());
  };
}

torch::Tensor Solver::augmented_potential(const torch::Tensor& y, torch::Generator generator) {
  const at::NoGradGuard no_grad;
  set_training(potential(), false);
  const auto augmentation =
      ot::draw_augmentation(augmentation_, y.size(0), augmentation_strength(), std::move(generator));
  return potential_function(potential())(augmentation.apply(y), {});
}

/// Adds the gradient of a piece's loss, times `fraction`, to the map's gradient.
/// @param outputs  receives T(x, z) without a graph, [B, Z, ...], unless it is null.
ot::MapLoss Solver::backward_through_map(Direction& direction, const torch::Tensor& x, const Draws& draws,
                                         const IterationSchedule& schedule, double fraction, torch::Tensor* outputs) {
  const auto& z = draws.z;
  auto& map = *direction.map;
  const auto loss_of = [&](const torch::Tensor& y) {
    return ot::map_loss(*method_, potential_function(*direction.potential), draws.cost_input_of(x), y,
                        draws.perturbation, schedule.values, draws.augmentation);
  };
  const auto backward = [&](const ot::MapLoss& loss) {
    direction.adam_map->scaled(fraction == 1 ? loss.loss : loss.loss * fraction).backward();
  };
  if (!options_.train.recompute) {
    const auto y = transport(map, x, z);
    auto loss = loss_of(y);
    backward(loss);
    if (outputs) *outputs = y.detach();
    return loss;
  }
  // The map runs twice: first without a graph, for its outputs; then with one, after the potential's activations are
  // freed. The second run must not update the statistics of batch norm again.
  torch::Tensor y;
  {
    const at::NoGradGuard no_grad;
    y = transport(map, x, z);
  }
  y = y.detach().requires_grad_(true);
  auto loss = loss_of(y);
  backward(loss);
  const auto before = direction.statistics.copy();
  transport(map, x, z).backward(y.grad());
  direction.statistics.restore(before);
  if (outputs) *outputs = y.detach();
  return loss;
}

/// Computes the gradient of the map's loss. @param outputs  as backward_through_map.
Update Solver::map_gradients(Direction& direction, const torch::Tensor& x, const Draws& draws,
                             const IterationSchedule& schedule, torch::Tensor* outputs) {
  // The update of the map computes no gradient for the potential's weights.
  direction.adam_potential->require_gradients(false);
  direction.adam_map->require_gradients(true);
  set_training(*direction.map, true);
  set_training(*direction.potential, false);
  direction.adam_map->zero_grad();
  direction.statistics.keep();
  auto* reducer = direction.reducer_map;
  const int64_t batch = x.size(0);
  Update out;
  if (options_.train.accumulate == 1) {
    if (reducer) reducer->begin_final_backward();
    const auto loss = backward_through_map(direction, x, draws, schedule, part_, outputs);
    out.loss = loss.loss.detach();
    out.cost = loss.cost;
    out.potential = loss.potential;
    return out;
  }
  std::vector<torch::Tensor> pieces;
  for_pieces(batch, options_.train.accumulate, [&](int64_t begin, int64_t length) {
    const double fraction = static_cast<double>(length) / static_cast<double>(batch);
    if (reducer && begin + length == batch) reducer->begin_final_backward();
    torch::Tensor mapped;
    const auto loss = backward_through_map(direction, x.narrow(0, begin, length), piece(draws, begin, length), schedule,
                                           fraction * part_, outputs ? &mapped : nullptr);
    if (outputs) pieces.push_back(mapped);
    add_part(out.loss, loss.loss, fraction);
    add_part(out.cost, loss.cost, fraction);
    add_part(out.potential, loss.potential, fraction);
  });
  if (outputs) *outputs = torch::cat(pieces);
  return out;
}

Update Solver::map_update(Direction& direction, const torch::Tensor& x, const Draws& draws,
                          const IterationSchedule& schedule) {
  auto out = map_gradients(direction, x, draws, schedule, nullptr);
  finish_update(direction, /*map=*/true, schedule, out);
  return out;
}

/// Computes the gradient of the potential's loss.
/// @param outputs  T(x, z) without a graph, [B, ...]; undefined: computed here.
Update Solver::potential_gradients(Direction& direction, const torch::Tensor& x, const torch::Tensor& y,
                                   const Draws& draws, const IterationSchedule& schedule,
                                   const torch::Tensor& outputs) {
  const auto& regulariser = options_.potential;
  direction.adam_map->require_gradients(false);
  direction.adam_potential->require_gradients(true);
  set_training(*direction.potential, true);
  direction.adam_potential->zero_grad();
  if (!outputs.defined()) {
    set_training(*direction.map, !options_.train.eval_map_in_potential_step);
    direction.statistics.keep();
  }
  auto* reducer = direction.reducer_potential;
  const auto f = potential_function(*direction.potential);
  const int64_t batch = x.size(0);
  // All pieces use the scale of the whole batch, so that they add up to the same loss.
  const auto cost_scale = expectile_scale(draws.cost_input_of(x), y);
  Update out;
  for_pieces(batch, options_.train.accumulate, [&](int64_t begin, int64_t length) {
    const double fraction = static_cast<double>(length) / static_cast<double>(batch);
    const auto x_piece = x.narrow(0, begin, length), y_piece = y.narrow(0, begin, length);
    const auto drawn = piece(draws, begin, length);
    const auto& perturbation = drawn.perturbation;
    torch::Tensor fake;
    if (outputs.defined()) {
      fake = outputs.narrow(0, begin, length);
    } else {
      at::NoGradGuard no_grad;
      fake = transport(*direction.map, x_piece, drawn.z).squeeze(1);
    }
    const auto parts = ot::potential_loss(f, fake, y_piece, perturbation, drawn.augmentation);
    const auto from = drawn.cost_input_of(x_piece);
    torch::Tensor cost_B;
    if (marginals_.relaxed() || regulariser.expectile > 0) cost_B = method_->pair_cost(from, fake);
    auto loss = parts.loss;
    if (marginals_.relaxed()) {
      loss = ot::unbalanced_loss(direction.reversed ? marginals_.reversed() : marginals_, parts.fake_B, cost_B,
                                 parts.real_B, schedule.alpha);
    }
    const auto metric = loss.detach();
    if (schedule.penalise) {
      const auto real = drawn.augmentation.apply(y_piece);
      const auto at = perturbation.defined() ? real + perturbation.noise : real;
      const auto f_at = [&](const torch::Tensor& point) { return f(point, perturbation.sigma_B); };
      loss = loss + regulariser.r1.value_or(0) * static_cast<double>(regulariser.r1_every) * ot::r1_penalty(f_at, at);
    }
    if (regulariser.expectile > 0) {
      // With an augmentation f is that of the changed samples, whose mean over the changes is the potential of the
      // problem.
      loss =
          loss + regulariser.expectile * ot::expectile_penalty(cost_B, parts.fake_B, method_->pair_cost(from, y_piece),
                                                               parts.real_B, regulariser.expectile_level, cost_scale);
    }
    if (reducer && begin + length == batch) reducer->begin_final_backward();
    direction.adam_potential->scaled(fraction * part_ == 1 ? loss : loss * (fraction * part_)).backward();
    add_part(out.loss, metric, fraction);
  });
  return out;
}

Update Solver::potential_update(Direction& direction, const torch::Tensor& x, const torch::Tensor& y,
                                const Draws& draws, const IterationSchedule& schedule) {
  auto out = potential_gradients(direction, x, y, draws, schedule, {});
  finish_update(direction, /*map=*/false, schedule, out);
  return out;
}

/// What the expectile regulariser of a batch is divided by; undefined without one.
torch::Tensor Solver::expectile_scale(const torch::Tensor& x, const torch::Tensor& y) const {
  if (options_.potential.expectile <= 0) return {};
  if (options_.potential.expectile_scale == "none") return torch::ones({}, x.options().requires_grad(false));
  return mean_over_ranks(method_->pair_cost(x, y).mean());
}

/// Takes the step of a net's optimiser with the gradients of all ranks and completes the metrics of the update. If the
/// step was blocked, the statistics of batch norm are restored.
void Solver::finish_update(Direction& direction, bool map, const IterationSchedule& schedule, Update& update) {
  auto* reducer = map ? direction.reducer_map : direction.reducer_potential;
  auto& adam = map ? *direction.adam_map : *direction.adam_potential;
  {
    // Before the sums over the ranks, so that all of them see it and the rank is named.
    const at::NoGradGuard no_grad;
    update.loss = update.loss + adam.moment_check().to(update.loss.scalar_type());
  }
  if (reducer) reducer->finish(update);
  const bool by_rank = group_.size() > 1 && !options_.parallel.sync_batch_norm;
  // A simultaneous update runs the map once, for its own step.
  const bool ran_map = map || !options_.train.updates_simultaneously();
  if (by_rank && ran_map && direction.map->is_training()) direction.statistics.average(group_);
  const auto step = adam.step(map ? schedule.rate_map : schedule.rate_potential, update.loss,
                              reducer ? &reducer->gradient() : nullptr);
  if (ran_map) direction.statistics.restore_if(step.blocked);
  update.gradient_norm = step.gradient_norm;
  update.blocked = step.blocked;
}

torch::Tensor Solver::mean_over_ranks(const torch::Tensor& mean) const {
  if (group_.size() == 1) return mean;
  const auto sum = mean.detach().clone();
  group_.sum(sum);
  return sum * part_;
}

void Solver::broadcast_state() {
  if (group_.size() == 1) return;
  for (const auto& [name, tensor] : state()) group_.broadcast(tensor);
}

int64_t Solver::fingerprint() const {
  const at::NoGradGuard no_grad;
  uint64_t out = 0;
  for (const auto& trained : trained_) {
    // A sum of integers does not depend on its order, and so not on the number of threads.
    out =
        out * 31 + static_cast<uint64_t>(trained.adam->values().view(torch::kInt32).sum(torch::kInt64).item<int64_t>());
  }
  return static_cast<int64_t>(out);
}

NamedTensors Solver::state() const {
  NamedTensors out;
  const auto add = [&out](const std::string& prefix, const NamedTensors& tensors) {
    for (const auto& [name, tensor] : tensors) out.emplace_back(prefix + name, tensor);
  };
  for (const auto& d : directions_) {
    const std::string prefix = d.reversed ? "inverse_" : "";
    const bool own_nets = !d.reversed || d.adam_map != directions_[0].adam_potential;
    add(prefix + "map/", nn::state_dict(*d.map));
    if (d.ema) add(prefix + "ema/", nn::state_dict(*d.ema));
    if (!own_nets) continue;  // the nets of the first direction in other roles
    add(prefix + "potential/", nn::state_dict(*d.potential));
    add("adam_" + prefix + "map/", d.adam_map->state());
    add("adam_" + prefix + "potential/", d.adam_potential->state());
  }
  if (augmentation_state_.defined()) out.emplace_back("augmentation", augmentation_state_);
  return out;
}

}  // namespace monge::solve
