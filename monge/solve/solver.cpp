#include "monge/solve/solver.h"

#include <torch/types.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/nn/batch_norm_sums.h"
#include "monge/ot/cost.h"
#include "monge/ot/losses.h"
#include "monge/ot/regulariser.h"
#include "monge/solve/autocast.h"
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
          .scale_loss = scales_loss(t.precision, device)};
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

/// sum += fraction * value, without a graph.
void add(torch::Tensor& sum, const torch::Tensor& value, double fraction) {
  const auto part = fraction == 1 ? value.detach() : value.detach() * fraction;
  sum = sum.defined() ? sum + part : part;
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

/// Calls action(begin, length) for each piece of a batch.
template <class Action>
void for_pieces(int64_t batch, int64_t pieces, Action&& action) {
  const int64_t size = (batch + pieces - 1) / pieces;
  for (int64_t begin = 0; begin < batch; begin += size) action(begin, std::min(size, batch - begin));
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

Solver::Solver(const SolverOptions& options, std::shared_ptr<nn::MapNet> map, std::shared_ptr<nn::MapNet> ema,
               std::shared_ptr<nn::PotentialNet> potential, int64_t dim, torch::Device device,
               dist::ProcessGroup& group)
    : options_(options),
      group_(group),
      part_(1.0 / static_cast<double>(group.size())),
      map_(std::move(map)),
      ema_(std::move(ema)),
      potential_(std::move(potential)),
      device_(device),
      tau_(ot::cost_scale(options.cost.scale, dim)),
      augmentation_(ot::augmentation_kinds().at(options.potential.augment, "potential.augment")),
      method_(checked_method(options, dim)),
      noise_(method_->noise()),
      streams_(static_cast<uint64_t>(options.train.seed), device),
      schedule_(options.train.rates()),
      adam_map_(parameters_of(*map_, options, device), adam_options(options, device)),
      adam_potential_(parameters_of(*potential_, options, device), adam_options(options, device)),
      statistics_(*map_),
      metric_buffer_(options.train.k_t + 1, device, group.sends(device) ? group.size() : 0),
      captured_(is_captured(options.train, device)),
      graphs_(device) {
  require(potential_->conditional() == method_->conditional(), "method \"", options.method, "\" needs a potential ",
          method_->conditional() ? "with" : "without", " a noise level");
  require((ema_ != nullptr) == (options.train.ema > 0), "train.ema = ", options.train.ema,
          ": pass an averaged map if and only if it is above 0");
  if (options.potential.augments_adaptively()) augmentation_state_ = torch::zeros({2}, torch::kFloat64);
  if (captured_) device_scalars_ = DeviceScalars(device, state_type(options.train.precision));
  if (group_.sends(device)) {
    const int64_t bucket = options.parallel.bucket_mb << 20;
    reducer_map_ = std::make_unique<GradientReducer>(group_, adam_map_.parameters(), adam_map_.gradients(), bucket);
    reducer_potential_ =
        std::make_unique<GradientReducer>(group_, adam_potential_.parameters(), adam_potential_.gradients(), bucket);
    if (options.parallel.sync_batch_norm && group_.size() > 1) {
      map_->synchronise_batch_norm(std::make_shared<nn::RankSums>(
          nn::RankSums{group_.size(), [&group](const torch::Tensor& values) { group.sum(values); }}));
    }
  }
  if (ema_) make_average();
  broadcast_state();
}

void Solver::make_average() {
  const auto own = values(parameters_of(*ema_, options_, device_));
  nn::load_state_dict(*ema_, nn::state_dict(*map_), "the averaged map");
  for (auto parameter : own) parameter.requires_grad_(false);
  averaged_ = FlatParameters(own);
  averaged_.adopt(own);
  averaged_statistics_ = BatchNormBuffers(*ema_);
  ema_->eval();
}

torch::Tensor Solver::transport(nn::MapNet& map, const torch::Tensor& x, const torch::Tensor& z) const {
  auto input = with_noise(x, z);
  if (options_.train.channels_last && input.dim() == 4) input = input.contiguous(torch::MemoryFormat::ChannelsLast);
  torch::Tensor output;
  {
    const AutocastScope mixed(device_, product_type(options_.train.precision));
    output = map.forward(input);
  }
  if (output.scalar_type() != x.scalar_type()) output = output.to(x.scalar_type());
  return z.defined() ? output.unflatten(0, std::vector<int64_t>{x.size(0), z.size(1)}) : output.unsqueeze(1);
}

ot::Potential Solver::potential_function() const {
  return [this](const torch::Tensor& y, const torch::Tensor& sigma_B) {
    const AutocastScope mixed(device_, product_type(options_.train.precision));
    const auto input =
        options_.train.channels_last && y.dim() == 4 ? y.contiguous(torch::MemoryFormat::ChannelsLast) : y;
    return potential_->forward(input, sigma_B).to(y.scalar_type());
  };
}

torch::Tensor Solver::augmented_potential(const torch::Tensor& y, torch::Generator generator) {
  const at::NoGradGuard no_grad;
  set_training(*potential_, false);
  const auto augmentation =
      ot::draw_augmentation(augmentation_, y.size(0), augmentation_strength(), std::move(generator));
  return potential_function()(augmentation.apply(y), {});
}

/// Adds the gradient of a piece's loss, times `fraction`, to the map's gradient.
ot::MapLoss Solver::backward_through_map(const torch::Tensor& x, const Draws& draws, const IterationSchedule& schedule,
                                         double fraction) {
  const auto& z = draws.z;
  const auto loss_of = [&](const torch::Tensor& y) {
    return ot::map_loss(*method_, potential_function(), draws.cost_input_of(x), y, draws.perturbation, schedule.values,
                        draws.augmentation);
  };
  const auto backward = [&](const ot::MapLoss& loss) {
    adam_map_.scaled(fraction == 1 ? loss.loss : loss.loss * fraction).backward();
  };
  if (!options_.train.recompute) {
    auto loss = loss_of(transport(*map_, x, z));
    backward(loss);
    return loss;
  }
  // The map runs twice: first without a graph, for its outputs; then with one, after the potential's activations are
  // freed. The second run must not update the statistics of batch norm again.
  torch::Tensor y;
  {
    const at::NoGradGuard no_grad;
    y = transport(*map_, x, z);
  }
  y = y.detach().requires_grad_(true);
  auto loss = loss_of(y);
  backward(loss);
  const auto before = statistics_.copy();
  transport(*map_, x, z).backward(y.grad());
  statistics_.restore(before);
  return loss;
}

Update Solver::map_update(const torch::Tensor& x, const Draws& draws, const IterationSchedule& schedule) {
  // The update of the map computes no gradient for the potential's weights.
  adam_potential_.require_gradients(false);
  adam_map_.require_gradients(true);
  set_training(*map_, true);
  set_training(*potential_, false);
  adam_map_.zero_grad();
  statistics_.keep();
  const int64_t batch = x.size(0);
  Update out;
  if (options_.train.accumulate == 1) {
    if (reducer_map_) reducer_map_->begin_final_backward();
    const auto loss = backward_through_map(x, draws, schedule, part_);
    out.loss = loss.loss.detach();
    out.cost = loss.cost;
    out.potential = loss.potential;
  } else {
    for_pieces(batch, options_.train.accumulate, [&](int64_t begin, int64_t length) {
      const double fraction = static_cast<double>(length) / static_cast<double>(batch);
      if (reducer_map_ && begin + length == batch) reducer_map_->begin_final_backward();
      const auto loss =
          backward_through_map(x.narrow(0, begin, length), piece(draws, begin, length), schedule, fraction * part_);
      add(out.loss, loss.loss, fraction);
      add(out.cost, loss.cost, fraction);
      add(out.potential, loss.potential, fraction);
    });
  }
  finish_update(adam_map_, reducer_map_.get(), schedule.rate_map, out);
  return out;
}

Update Solver::potential_update(const torch::Tensor& x, const torch::Tensor& y, const Draws& draws,
                                const IterationSchedule& schedule) {
  const auto& regulariser = options_.potential;
  adam_map_.require_gradients(false);
  adam_potential_.require_gradients(true);
  set_training(*map_, !options_.train.eval_map_in_potential_step);
  set_training(*potential_, true);
  adam_potential_.zero_grad();
  statistics_.keep();
  const auto f = potential_function();
  const int64_t batch = x.size(0);
  // All pieces use the scale of the whole batch, so that they add up to the same loss.
  const auto cost_scale = regulariser.expectile > 0
                              ? mean_over_ranks(method_->pair_cost(draws.cost_input_of(x), y).mean())
                              : torch::Tensor();
  Update out;
  for_pieces(batch, options_.train.accumulate, [&](int64_t begin, int64_t length) {
    const double fraction = static_cast<double>(length) / static_cast<double>(batch);
    const auto x_piece = x.narrow(0, begin, length), y_piece = y.narrow(0, begin, length);
    const auto drawn = piece(draws, begin, length);
    const auto& perturbation = drawn.perturbation;
    torch::Tensor fake;
    {
      at::NoGradGuard no_grad;
      fake = transport(*map_, x_piece, drawn.z).squeeze(1);
    }
    const auto parts = ot::potential_loss(f, fake, y_piece, perturbation, drawn.augmentation);
    auto loss = parts.loss;
    if (schedule.penalise) {
      const auto real = drawn.augmentation.apply(y_piece);
      const auto at = perturbation.defined() ? real + perturbation.noise : real;
      const auto f_at = [&](const torch::Tensor& point) { return f(point, perturbation.sigma_B); };
      loss = loss + regulariser.r1.value_or(0) * static_cast<double>(regulariser.r1_every) * ot::r1_penalty(f_at, at);
    }
    if (regulariser.expectile > 0) {
      // With an augmentation f is that of the changed samples, whose mean over the changes is the potential of the
      // problem.
      const auto from = drawn.cost_input_of(x_piece);
      loss = loss + regulariser.expectile * ot::expectile_penalty(method_->pair_cost(from, fake), parts.fake_B,
                                                                  method_->pair_cost(from, y_piece), parts.real_B,
                                                                  regulariser.expectile_level, cost_scale);
    }
    if (reducer_potential_ && begin + length == batch) reducer_potential_->begin_final_backward();
    adam_potential_.scaled(fraction * part_ == 1 ? loss : loss * (fraction * part_)).backward();
    add(out.loss, parts.loss, fraction);
  });
  finish_update(adam_potential_, reducer_potential_.get(), schedule.rate_potential, out);
  return out;
}

/// Takes the optimiser's step with the gradients of all ranks and completes the metrics of the update. If the step was
/// blocked, the statistics of batch norm are restored.
void Solver::finish_update(Adam& adam, GradientReducer* reducer, const ot::HostOrDeviceScalar& rate, Update& update) {
  if (reducer) reducer->finish(update);
  const bool by_rank = group_.size() > 1 && !options_.parallel.sync_batch_norm;
  if (by_rank && map_->is_training()) statistics_.average(group_);
  const auto step = adam.step(rate, update.loss, reducer ? &reducer->gradient() : nullptr);
  statistics_.restore_if(step.blocked);
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
  for (const auto* values : {&adam_map_.values(), &adam_potential_.values()}) {
    // A sum of integers does not depend on its order, and so not on the number of threads.
    out = out * 31 + static_cast<uint64_t>(values->view(torch::kInt32).sum(torch::kInt64).item<int64_t>());
  }
  return static_cast<int64_t>(out);
}

NamedTensors Solver::state() const {
  NamedTensors out;
  const auto add = [&out](const std::string& prefix, const NamedTensors& tensors) {
    for (const auto& [name, tensor] : tensors) out.emplace_back(prefix + name, tensor);
  };
  add("map/", nn::state_dict(*map_));
  if (ema_) add("ema/", nn::state_dict(*ema_));
  add("potential/", nn::state_dict(*potential_));
  add("adam_map/", adam_map_.state());
  add("adam_potential/", adam_potential_.state());
  if (augmentation_state_.defined()) out.emplace_back("augmentation", augmentation_state_);
  return out;
}

}  // namespace monge::solve
