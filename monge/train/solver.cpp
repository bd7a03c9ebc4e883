#include "monge/train/solver.h"

#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/ot/cost.h"
#include "monge/ot/ema.h"
#include "monge/ot/regulariser.h"
#include "monge/train/autocast.h"

namespace monge::train {
namespace {

// fp16 may lose a few updates while the scale settles; this many in a row is no settling.
constexpr int64_t kMostBlocked = 50;

ot::MethodOptions method_options(const Recipe& recipe, double tau) {
  const auto& n = recipe.noised;
  ot::MethodOptions options{.tau = tau, .draws = map_noise(recipe).draws};
  options.sigma = {n.sigma_law, n.sigma_min, n.sigma_max, n.p_mean, n.p_std, n.weight, n.sigma_data, n.normalise, n.clip};
  options.inner = recipe.otp.cost;
  if (recipe.method == "otp") options.smoothing = smoothing_options(recipe);
  if (cost_method(recipe) == "kernel") {
    options.gamma1 = recipe.kernel.gamma;
    options.gamma_iters = recipe.kernel.gamma_iters;
  } else {
    options.gamma0 = recipe.weak.gamma0;
    options.gamma1 = recipe.weak.gamma1;
    options.gamma_iters = recipe.weak.gamma_iters;
  }
  return options;
}

torch::ScalarType state_type(const Recipe& recipe) {
  return recipe.train.precision == "fp64" ? torch::kFloat64 : torch::kFloat32;
}

NamedTensors parameters_of(torch::nn::Module& net, const Recipe& recipe, torch::Device device) {
  net.to(device);
  nn::to_type(net, state_type(recipe));
  if (recipe.train.channels_last) nn::to_channels_last(net);
  NamedTensors out;
  for (const auto& entry : net.named_parameters()) out.emplace_back(entry.key(), entry.value());
  return out;
}

AdamOptions adam_options(const Recipe& recipe, torch::Device device) {
  const auto& t = recipe.train;
  return {t.betas.at(0), t.betas.at(1), t.eps, t.weight_decay, t.clip, t.precision == "fp16" && device.is_cuda()};
}

std::vector<torch::Tensor> values(const NamedTensors& named) {
  std::vector<torch::Tensor> out;
  for (const auto& entry : named) out.push_back(entry.second);
  return out;
}

void set_training(torch::nn::Module& net, bool on) {
  if (net.is_training() != on) net.train(on);
}

/// sum += share * value, without a graph.
void add(torch::Tensor& sum, const torch::Tensor& value, double share) {
  const auto part = share == 1 ? value.detach() : value.detach() * share;
  sum = sum.defined() ? sum + part : part;
}

ot::Perturbation piece(const ot::Perturbation& whole, int64_t begin, int64_t length) {
  if (!whole.defined()) return {};
  return {whole.sigma_B.narrow(0, begin, length), whole.noise.narrow(0, begin, length),
          whole.weight_B.narrow(0, begin, length)};
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

torch::Tensor draw_noise(const torch::Tensor& x, int64_t draws, const MapNoise& noise, torch::Generator generator) {
  if (noise.channels == 0) return {};
  std::vector<int64_t> shape{x.size(0), draws, noise.channels};
  for (int64_t axis = 2; axis < x.dim(); ++axis) shape.push_back(x.size(axis));
  const auto z = torch::randn(shape, generator, torch::dtype(torch::kFloat32).device(x.device())) * noise.std;
  return z.to(x.scalar_type());
}

Solver::Solver(const Recipe& recipe, std::shared_ptr<nn::MapNet> map, std::shared_ptr<nn::MapNet> ema,
               std::shared_ptr<nn::PotentialNet> potential, int64_t dim, torch::Device device)
    : recipe_(recipe),
      map_(std::move(map)),
      ema_(std::move(ema)),
      potential_(std::move(potential)),
      device_(device),
      tau_(ot::cost_scale(recipe.cost.scale, dim)),
      noise_(map_noise(recipe)),
      streams_(static_cast<uint64_t>(recipe.train.seed), device),
      method_(ot::make_method(recipe.method, method_options(recipe, tau_))),
      schedule_{recipe.train.schedule, recipe.train.iterations, recipe.train.warmup, recipe.train.milestones,
                recipe.train.decay},
      adam_map_(parameters_of(*map_, recipe, device), adam_options(recipe, device)),
      adam_potential_(parameters_of(*potential_, recipe, device), adam_options(recipe, device)),
      statistics_(*map_),
      record_(recipe.train.k_t + 1, device),
      captured_(recipe.train.graph == "on" || (recipe.train.graph == "auto" && GraphCache::can_capture(device))),
      graphs_(device) {
  require(potential_->conditional() == method_->conditional(), "method \"", recipe.method, "\" needs a potential ",
          method_->conditional() ? "with" : "without", " a noise level");
  require((ema_ != nullptr) == (recipe.train.ema > 0), "train.ema = ", recipe.train.ema,
          ": an averaged map is needed above 0 and of no use at 0");
  if (captured_) dials_ = Dials(device, state_type(recipe));
  if (!ema_) return;
  const auto own = values(parameters_of(*ema_, recipe, device));
  nn::load_state_dict(*ema_, nn::state_dict(*map_), "the averaged map");
  for (auto parameter : own) parameter.requires_grad_(false);
  averaged_ = Flat(own);
  averaged_.adopt(own);
  averaged_statistics_ = Statistics(*ema_);
  ema_->eval();
}

Pace Solver::pace(int64_t iteration) const {
  const auto& p = recipe_.potential;
  const double factor = ot::rate_factor(schedule_, iteration);
  return {method_->at(iteration), recipe_.train.lr_map * factor, recipe_.train.lr_potential * factor,
          1.0 - ot::ema_decay(recipe_.train.ema, iteration), p.r1 > 0 && iteration % p.r1_every == 0};
}

torch::Tensor Solver::transport(nn::MapNet& map, const torch::Tensor& x, const torch::Tensor& z) const {
  auto input = with_noise(x, z);
  if (recipe_.train.channels_last && input.dim() == 4) input = input.contiguous(torch::MemoryFormat::ChannelsLast);
  torch::Tensor output;
  {
    const AutocastScope mixed(device_, precision_type(recipe_.train.precision));
    output = map.forward(input);
  }
  if (output.scalar_type() != x.scalar_type()) output = output.to(x.scalar_type());
  return z.defined() ? output.unflatten(0, std::vector<int64_t>{x.size(0), z.size(1)}) : output.unsqueeze(1);
}

ot::Potential Solver::potential_function() const {
  return [this](const torch::Tensor& y, const torch::Tensor& sigma_B) {
    const AutocastScope mixed(device_, precision_type(recipe_.train.precision));
    const auto input =
        recipe_.train.channels_last && y.dim() == 4 ? y.contiguous(torch::MemoryFormat::ChannelsLast) : y;
    return potential_->forward(input, sigma_B).to(y.scalar_type());
  };
}

torch::Tensor Solver::smoothed(const torch::Tensor& x, int64_t place, const ot::Smoothing& smoothing) {
  if (smoothing.eps == 0) return x;
  return ot::smooth(x, smoothing, ot::smoothing_noise(x, smoothing, streams_.at("smoothing", place)).to(x.scalar_type()));
}

Draws Solver::draw(const torch::Tensor& like, int64_t place, int64_t per_input) {
  Draws out;
  if (noise_.channels > 0) out.z = draw_noise(like, per_input, noise_, streams_.at("z", place));
  if (method_->conditional()) out.perturbation = method_->perturb(like, streams_.at("sigma", place));
  return out;
}

/// Adds the gradient of `share` of a piece's loss to the map's.
ot::MapLoss Solver::backward_through_map(const torch::Tensor& x, const torch::Tensor& z,
                                         const ot::Perturbation& perturbation, const Pace& pace, double share) {
  const auto loss_of = [&](const torch::Tensor& y) {
    return ot::map_loss(*method_, potential_function(), x, y, perturbation, pace.moment);
  };
  const auto backward = [&](const ot::MapLoss& loss) {
    adam_map_.scaled(share == 1 ? loss.loss : loss.loss * share).backward();
  };
  if (!recipe_.train.recompute) {
    auto loss = loss_of(transport(*map_, x, z));
    backward(loss);
    return loss;
  }
  // The map runs twice: first for its outputs alone, then, when the potential's activations are gone, with its own. Its
  // statistics are taken once.
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

Update Solver::map_update(const torch::Tensor& x, const Draws& draws, const Pace& pace) {
  // The potential's weights need no gradient here, and none is computed.
  adam_potential_.require_gradients(false);
  adam_map_.require_gradients(true);
  set_training(*map_, true);
  set_training(*potential_, false);
  adam_map_.zero_grad();
  statistics_.keep();
  const int64_t batch = x.size(0);
  Update out;
  if (recipe_.train.accumulate == 1) {
    const auto loss = backward_through_map(x, draws.z, draws.perturbation, pace, 1);
    out.loss = loss.loss.detach();
    out.cost = loss.cost;
    out.potential = loss.potential;
  } else {
    for_pieces(batch, recipe_.train.accumulate, [&](int64_t begin, int64_t length) {
      const double share = static_cast<double>(length) / static_cast<double>(batch);
      const auto loss = backward_through_map(x.narrow(0, begin, length),
                                             draws.z.defined() ? draws.z.narrow(0, begin, length) : draws.z,
                                             piece(draws.perturbation, begin, length), pace, share);
      add(out.loss, loss.loss, share);
      add(out.cost, loss.cost, share);
      add(out.potential, loss.potential, share);
    });
  }
  const auto step = adam_map_.step(pace.rate_map, out.loss);
  statistics_.restore_if(step.blocked);
  out.gradient_norm = step.gradient_norm;
  out.blocked = step.blocked;
  return out;
}

Update Solver::potential_update(const torch::Tensor& x, const torch::Tensor& y, const Draws& draws, const Pace& pace) {
  const auto& options = recipe_.potential;
  adam_map_.require_gradients(false);
  adam_potential_.require_gradients(true);
  set_training(*map_, !recipe_.train.eval_map_in_potential_step);
  set_training(*potential_, true);
  adam_potential_.zero_grad();
  statistics_.keep();
  const auto f = potential_function();
  const int64_t batch = x.size(0);
  // One scale for the whole batch, so that pieces add up to the same loss.
  const auto cost_scale = options.expectile > 0 ? method_->pair_cost(x, y).mean() : torch::Tensor();
  Update out;
  for_pieces(batch, recipe_.train.accumulate, [&](int64_t begin, int64_t length) {
    const double share = static_cast<double>(length) / static_cast<double>(batch);
    const auto x_piece = x.narrow(0, begin, length), y_piece = y.narrow(0, begin, length);
    const auto shown = piece(draws.perturbation, begin, length);
    torch::Tensor fake;
    {
      at::NoGradGuard no_grad;
      fake = transport(*map_, x_piece, draws.z.defined() ? draws.z.narrow(0, begin, length) : draws.z).squeeze(1);
    }
    const auto parts = ot::potential_loss(f, fake, y_piece, shown);
    auto loss = parts.loss;
    if (pace.penalise) {
      const auto at = shown.defined() ? y_piece + shown.noise : y_piece;
      const auto f_at = [&](const torch::Tensor& point) { return f(point, shown.sigma_B); };
      loss = loss + options.r1 * static_cast<double>(options.r1_every) * ot::r1_penalty(f_at, at);
    }
    if (options.expectile > 0) {
      loss = loss + options.expectile * ot::expectile_penalty(method_->pair_cost(x_piece, fake), parts.fake_B,
                                                              method_->pair_cost(x_piece, y_piece), parts.real_B,
                                                              options.expectile_level, cost_scale);
    }
    adam_potential_.scaled(share == 1 ? loss : loss * share).backward();
    add(out.loss, parts.loss, share);
  });
  const auto step = adam_potential_.step(pace.rate_potential, out.loss);
  statistics_.restore_if(step.blocked);
  out.gradient_norm = step.gradient_norm;
  out.blocked = step.blocked;
  return out;
}

void Solver::update_average(const Pace& pace) {
  if (!ema_) return;
  ot::ema_update(averaged_.whole(), adam_map_.values(), pace.average);
  averaged_statistics_.copy_from(statistics_);  // they are averages already
}

/// All device work of an outer iteration. It asks the device for no value, except on a CPU, where looking costs nothing:
/// there nothing is done on top of a step that was not taken.
void Solver::body(const Pace& pace, const Batches& batches) {
  const int64_t k_t = recipe_.train.k_t;
  written_ = 0;
  const auto failed = [&](const Update& update) {
    record_.write(written_++, update);
    return device_.is_cpu() && host_value(update.blocked) != 0;
  };
  const auto& smoothing = pace.moment.smoothing;
  for (int64_t t = 0; t < k_t; ++t) {
    const auto x = smoothed(batches.source(t), t, smoothing);
    if (failed(map_update(x, draw(x, t, noise_.draws), pace))) return;
  }
  const auto x = smoothed(batches.source(k_t), k_t, smoothing);
  if (failed(potential_update(x, batches.target(), draw(x, k_t, 1), pace))) return;
  update_average(pace);
}

/// The same with everything that the body reads at fixed places, so that it can be replayed.
void Solver::launch_captured(const Pace& pace, const Batches& batches) {
  const int64_t sources = recipe_.train.k_t + 1;
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
  const Batches held{[this](int64_t t) { return batches_[static_cast<size_t>(t)]; },
                     [this] { return batches_.back(); }};
  const auto set = dials_.set(pace);
  const std::string key = text(pace.penalise ? "r1 " : "", pace.moment.smoothing.eps != 0 ? "smoothed" : "");
  graphs_.run(key, [&] { body(set, held); }, streams_.all());
}

void Solver::launch(int64_t iteration, const Feed& feed) {
  const int64_t first = iteration * (recipe_.train.k_t + 1);
  const Batches batches{[&](int64_t place) { return feed.source(first + place); }, [&] { return feed.target(iteration); }};
  const auto now = pace(iteration);
  streams_.begin(first);
  if (captured_) {
    launch_captured(now, batches);
  } else {
    body(now, batches);
  }
  record_.send(written_);
  underway_.emplace_back(iteration, now);
}

Figures Solver::collect() {
  const auto rows = record_.receive();
  const auto [iteration, pace] = underway_.front();
  underway_.pop_front();
  const int64_t k_t = recipe_.train.k_t, first = iteration * (k_t + 1);
  const bool may_skip = recipe_.train.precision == "fp16" && device_.is_cuda();
  Figures out;
  double maps = 0;
  for (size_t u = 0; u < rows.size(); ++u) {
    const auto& row = rows[u];
    const bool is_map = static_cast<int64_t>(u) < k_t;
    int64_t& in_a_row = is_map ? blocked_maps_ : blocked_potentials_;
    in_a_row = row.blocked != 0 ? in_a_row + 1 : 0;
    if (row.blocked != 0) {
      ++out.skipped;
      if (!may_skip || in_a_row > kMostBlocked) {
        throw DivergedError(Complaint{
            .what = text("the training diverged: outer iteration ", iteration, ", ",
                         is_map ? text("map update ", u + 1, " of ", k_t) : std::string("potential update"),
                         " (source batch ", first + static_cast<int64_t>(u), is_map ? "" : text(", target batch ", iteration),
                         "): loss ", row.loss, ", gradient norm ", row.gradient_norm),
            .fix = "the step was not taken; lower train.lr_potential, set potential.r1 = 0.2 or train.clip = 1, or look "
                   "at that batch"});
      }
    }
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
  out.rate_map = pace.rate_map.value;
  out.rate_potential = pace.rate_potential.value;
  out.noise_level = pace.moment.smoothing.eps;
  return out;
}

Figures Solver::outer_iteration(int64_t iteration, const Feed& feed) {
  require(launched() == 0, "an iteration that was launched must be collected first");
  launch(iteration, feed);
  return collect();
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
  return out;
}

}  // namespace monge::train
