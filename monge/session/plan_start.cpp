#include "monge/session/plan_start.h"

#include <torch/autograd.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/eval/discrete_ot.h"
#include "monge/nn/module.h"
#include "monge/ot/schedule.h"
#include "monge/solve/nets.h"

namespace monge::session {
namespace {

constexpr int64_t kFitBatch = 448;
constexpr double kFitRate = 2e-3;

/// Adam with a rate that falls to 0 by a cosine, on random batches of rows.
template <class Loss>
void fit(const std::vector<torch::Tensor>& parameters, int64_t rows, int64_t steps, torch::Generator generator,
         const std::atomic<bool>& stop, const Loss& loss) {
  torch::optim::Adam adam(parameters, torch::optim::AdamOptions(kFitRate));
  for (int64_t step = 0; step < steps && !stop; ++step) {
    const double phase = M_PI * static_cast<double>(step) / static_cast<double>(steps);
    static_cast<torch::optim::AdamOptions&>(adam.param_groups()[0].options()).lr(kFitRate * (1 + std::cos(phase)) / 2);
    adam.zero_grad();
    loss(torch::randint(rows, {std::min(rows, kFitBatch)}, generator, torch::kInt64)).backward();
    adam.step();
  }
}

void add_state(nn::NamedTensors& to, const std::string& prefix, const torch::nn::Module& net) {
  for (const auto& [name, tensor] : nn::state_dict(net)) to.emplace_back(prefix + name, tensor);
}

}  // namespace

nn::NamedTensors start_from_plan(const train::Recipe& recipe, const torch::Tensor& x, const torch::Tensor& y,
                                 int64_t steps, const std::atomic<bool>& stop) {
  const auto plan = eval::exact_plan(eval::squared_distances(x, y) / 2);
  const auto mass = plan.mass.unsqueeze(1);
  const auto mean_partner = [&](const torch::Tensor& of, const torch::Tensor& to, const torch::Tensor& from,
                                const torch::Tensor& partners) {
    const auto sums = torch::zeros(of.sizes(), torch::kFloat64)
                          .index_add_(0, to, mass * partners.to(torch::kFloat64).index_select(0, from));
    const auto weights = torch::zeros({of.size(0), 1}, torch::kFloat64).index_add_(0, to, mass);
    return (sums / weights).to(torch::kFloat32);
  };
  const auto y_of_x = mean_partner(x, plan.i, plan.j, y), x_of_y = mean_partner(y, plan.j, plan.i, x);
  const auto v = (plan.v_M - plan.v_M.mean()).to(torch::kFloat32);

  const auto nets = solve::make_nets(recipe, {x.size(1)}, {y.size(1)});
  const RandomStreams streams(static_cast<uint64_t>(recipe.train.seed));
  fit(nets.map->parameters(), x.size(0), steps, streams.at("plan start map", 0), stop, [&](const torch::Tensor& rows) {
    return torch::mse_loss(nets.map->forward(x.index_select(0, rows)), y_of_x.index_select(0, rows));
  });
  fit(nets.potential->parameters(), y.size(0), steps, streams.at("plan start potential", 0), stop,
      [&](const torch::Tensor& rows) {
        const auto at = y.index_select(0, rows).requires_grad_(true);
        const auto f = nets.potential->forward(at);
        const auto slope = torch::autograd::grad({f.sum()}, {at}, {}, true, true)[0];
        return torch::mse_loss(f, v.index_select(0, rows)) + torch::mse_loss(slope, (y - x_of_y).index_select(0, rows));
      });
  nn::NamedTensors out;
  add_state(out, "map/", *nets.map);
  if (nets.ema) add_state(out, "ema/", *nets.map);
  add_state(out, "potential/", *nets.potential);
  return out;
}

}  // namespace monge::session
