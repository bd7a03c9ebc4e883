#include "monge/train/solver.h"

#include <numeric>

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

NamedTensors parameters_of(torch::nn::Module& net, const Recipe& recipe, torch::Device device) {
  net.to(device);
  nn::to_type(net, recipe.train.precision == "fp64" ? torch::kFloat64 : torch::kFloat32);
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

double mean(const std::vector<double>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0) / static_cast<double>(std::max<size_t>(numbers.size(), 1));
}

ot::Perturbation piece(const ot::Perturbation& whole, int64_t begin, int64_t length) {
  if (!whole.defined()) return {};
  return {whole.sigma_B.narrow(0, begin, length), whole.noise.narrow(0, begin, length),
          whole.weight_B.narrow(0, begin, length)};
}

/// Buffers as they were, to be put back on the device when an update is blocked: batch norm takes its statistics in the
/// forward pass, before anyone can know that it overflowed.
class BufferGuard {
 public:
  explicit BufferGuard(torch::nn::Module& net) : buffers_(net.buffers()) {
    for (const auto& buffer : buffers_) before_.push_back(buffer.clone());
  }
  void restore_if(const torch::Tensor& blocked) {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < buffers_.size(); ++i) buffers_[i].copy_(torch::where(blocked > 0, before_[i], buffers_[i]));
  }

 private:
  std::vector<torch::Tensor> buffers_, before_;
};

/// Calls action(begin, length) for each piece of a batch.
template <class Action>
void for_pieces(int64_t batch, int64_t pieces, Action&& action) {
  const int64_t size = (batch + pieces - 1) / pieces;
  for (int64_t begin = 0; begin < batch; begin += size) action(begin, std::min(size, batch - begin));
}

}  // namespace

torch::Tensor with_noise(const torch::Tensor& x, const torch::Tensor& z) {
  if (!z.defined()) return x;
  const int64_t draws = z.size(1);
  const auto repeated = draws == 1 ? x : x.repeat_interleave(draws, 0);
  return torch::cat({repeated, z.flatten(0, 1)}, 1);
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
      adam_potential_(parameters_of(*potential_, recipe, device), adam_options(recipe, device)) {
  require(potential_->conditional() == method_->conditional(), "method \"", recipe.method, "\" needs a potential ",
          method_->conditional() ? "with" : "without", " a noise level");
  require((ema_ != nullptr) == (recipe.train.ema > 0), "train.ema = ", recipe.train.ema,
          ": an averaged map is needed above 0 and of no use at 0");
  if (!ema_) return;
  const auto own = values(parameters_of(*ema_, recipe, device));
  nn::load_state_dict(*ema_, nn::state_dict(*map_), "the averaged map");
  for (auto parameter : own) ema_parameters_.push_back(parameter.requires_grad_(false).detach());
  for (const auto& parameter : map_->parameters()) raw_parameters_.push_back(parameter.detach());
  ema_->eval();
}

torch::Tensor Solver::transport(nn::MapNet& map, const torch::Tensor& x, const torch::Tensor& z) const {
  auto input = with_noise(x, z);
  if (recipe_.train.channels_last && input.dim() == 4) input = input.contiguous(torch::MemoryFormat::ChannelsLast);
  torch::Tensor output;
  {
    const AutocastScope mixed(device_, precision_type(recipe_.train.precision));
    output = map.forward(input);
  }
  return output.to(x.scalar_type()).unflatten(0, std::vector<int64_t>{x.size(0), z.defined() ? z.size(1) : 1});
}

ot::Potential Solver::potential_function() const {
  return [this](const torch::Tensor& y, const torch::Tensor& sigma_B) {
    const AutocastScope mixed(device_, precision_type(recipe_.train.precision));
    const auto input =
        recipe_.train.channels_last && y.dim() == 4 ? y.contiguous(torch::MemoryFormat::ChannelsLast) : y;
    return potential_->forward(input, sigma_B).to(y.scalar_type());
  };
}

torch::Tensor Solver::smoothed(const torch::Tensor& x, int64_t step, int64_t iteration) const {
  const auto smoothing = method_->smoothing(iteration);
  if (smoothing.eps == 0) return x;
  return ot::smooth(x, smoothing, ot::smoothing_noise(x, smoothing, streams_.at("smoothing", step)).to(x.scalar_type()));
}

Draws Solver::draw(const torch::Tensor& like, int64_t step, int64_t per_input) const {
  Draws out;
  if (noise_.channels > 0) out.z = draw_noise(like, per_input, noise_, streams_.at("z", step));
  if (method_->conditional()) out.perturbation = method_->perturb(like, streams_.at("sigma", step));
  return out;
}

Solver::Update Solver::map_update(const torch::Tensor& x, const Draws& draws, int64_t iteration) {
  // The potential's weights need no gradient here, and none is computed.
  adam_potential_.require_gradients(false);
  adam_map_.require_gradients(true);
  map_->train();
  potential_->eval();
  adam_map_.zero_grad();
  BufferGuard statistics(*map_);
  const int64_t batch = x.size(0);
  Update out;
  for_pieces(batch, recipe_.train.accumulate, [&](int64_t begin, int64_t length) {
    const double share = static_cast<double>(length) / static_cast<double>(batch);
    const auto x_piece = x.narrow(0, begin, length);
    const auto z_piece = draws.z.defined() ? draws.z.narrow(0, begin, length) : draws.z;
    const auto y = transport(*map_, x_piece, z_piece);
    const auto loss = ot::map_loss(*method_, potential_function(), x_piece, y, piece(draws.perturbation, begin, length),
                                   iteration);
    adam_map_.scaled(loss.loss * share).backward();
    const auto add = [share](torch::Tensor& sum, const torch::Tensor& value) {
      sum = sum.defined() ? sum + value.detach() * share : value.detach() * share;
    };
    add(out.loss, loss.loss);
    add(out.cost, loss.cost);
    add(out.potential, loss.potential);
  });
  const auto step = adam_map_.step(recipe_.train.lr_map * ot::rate_factor(schedule_, iteration), out.loss);
  statistics.restore_if(step.blocked);
  out.gradient_norm = step.gradient_norm;
  out.blocked = step.blocked;
  return out;
}

Solver::Update Solver::potential_update(const torch::Tensor& x, const torch::Tensor& y, const Draws& draws,
                                        int64_t iteration) {
  const auto& options = recipe_.potential;
  adam_map_.require_gradients(false);
  adam_potential_.require_gradients(true);
  map_->train(!recipe_.train.eval_map_in_potential_step);
  potential_->train();
  adam_potential_.zero_grad();
  BufferGuard statistics(*map_);
  const bool penalise = options.r1 > 0 && iteration % options.r1_every == 0;
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
    if (penalise) {
      const auto at = shown.defined() ? y_piece + shown.noise : y_piece;
      const auto f_at = [&](const torch::Tensor& point) { return f(point, shown.sigma_B); };
      loss = loss + options.r1 * static_cast<double>(options.r1_every) * ot::r1_penalty(f_at, at);
    }
    if (options.expectile > 0) {
      loss = loss + options.expectile * ot::expectile_penalty(method_->pair_cost(x_piece, fake), parts.fake_B,
                                                              method_->pair_cost(x_piece, y_piece), parts.real_B,
                                                              options.expectile_level, cost_scale);
    }
    adam_potential_.scaled(loss * share).backward();
    out.loss = out.loss.defined() ? out.loss + parts.loss.detach() * share : parts.loss.detach() * share;
  });
  const auto step = adam_potential_.step(recipe_.train.lr_potential * ot::rate_factor(schedule_, iteration), out.loss);
  statistics.restore_if(step.blocked);
  out.gradient_norm = step.gradient_norm;
  out.blocked = step.blocked;
  return out;
}

void Solver::update_average(int64_t iteration) {
  if (!ema_) return;
  ot::ema_update(ema_parameters_, raw_parameters_, ot::ema_decay(recipe_.train.ema, iteration));
  at::NoGradGuard no_grad;
  auto to = ema_->buffers(), from = map_->buffers();
  for (size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);  // batch statistics are averages already
}

Figures Solver::outer_iteration(int64_t iteration, const Feed& feed) {
  const int64_t k_t = recipe_.train.k_t;
  std::vector<Update> updates;
  const int64_t first = iteration * (k_t + 1);
  const bool may_skip = recipe_.train.precision == "fp16" && device_.is_cuda();
  // On a CPU looking costs nothing, so that nothing is done on top of a step that was not taken.
  const auto failed = [&] { return device_.is_cpu() && updates.back().blocked.item<float>() != 0; };
  bool whole = true;
  for (int64_t t = 0; t < k_t && whole; ++t) {
    const auto x = smoothed(feed.source(first + t), first + t, iteration);
    updates.push_back(map_update(x, draw(x, first + t, noise_.draws), iteration));
    whole = !failed();
  }
  if (whole) {
    const auto x = smoothed(feed.source(first + k_t), first + k_t, iteration);
    updates.push_back(potential_update(x, feed.target(iteration), draw(x, first + k_t, 1), iteration));
    whole = !failed();
  }
  if (whole) update_average(iteration);

  // The only place that waits for the device: one copy an outer iteration.
  std::vector<torch::Tensor> read;
  for (const auto& update : updates) {
    read.push_back(update.loss.to(torch::kFloat64));
    read.push_back(update.gradient_norm.to(torch::kFloat64));
    read.push_back(update.blocked.to(torch::kFloat64));
    read.push_back((update.cost.defined() ? update.cost : update.loss).to(torch::kFloat64));
    read.push_back((update.potential.defined() ? update.potential : update.loss).to(torch::kFloat64));
  }
  const auto host = torch::stack(read).cpu();
  const double* value = host.data_ptr<double>();

  Figures out;
  std::vector<double> losses, costs, potentials;
  for (size_t u = 0; u < updates.size(); ++u, value += 5) {
    const bool is_map = static_cast<int64_t>(u) < k_t;
    int64_t& in_a_row = is_map ? blocked_maps_ : blocked_potentials_;
    if (value[2] != 0) {
      ++out.skipped;
      ++in_a_row;
      if (!may_skip || in_a_row > kMostBlocked) {
        throw DivergedError(Complaint{
            .what = text("the training diverged: outer iteration ", iteration, ", ",
                         is_map ? text("map update ", u + 1, " of ", k_t) : std::string("potential update"),
                         " (source batch ", first + static_cast<int64_t>(u), is_map ? "" : text(", target batch ", iteration),
                         "): loss ", value[0], ", gradient norm ", value[1]),
            .fix = "the step was not taken; lower train.lr_potential, set potential.r1 = 0.2 or train.clip = 1, or look "
                   "at that batch"});
      }
    } else {
      in_a_row = 0;
    }
    if (is_map) {
      losses.push_back(value[0]);
      costs.push_back(value[3]);
      potentials.push_back(value[4]);
      out.gradient_map = value[1];
    } else {
      out.loss_potential = value[0];
      out.gradient_potential = value[1];
    }
  }
  out.loss_map = mean(losses);
  out.cost = mean(costs);
  out.potential_fake = mean(potentials);
  const double factor = ot::rate_factor(schedule_, iteration);
  out.rate_map = recipe_.train.lr_map * factor;
  out.rate_potential = recipe_.train.lr_potential * factor;
  out.noise_level = method_->smoothing(iteration).eps;
  return out;
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
