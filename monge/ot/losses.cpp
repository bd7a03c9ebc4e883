#include "monge/ot/losses.h"

#include "monge/core/error.h"

namespace monge::ot {

MapLoss map_loss(const Method& method, const Potential& f, const torch::Tensor& x, const torch::Tensor& y,
                 const Perturbation& perturbation, const ScheduleValues& values,
                 const PotentialAugmentation& augmentation) {
  const int64_t batch = y.size(0), samples = y.size(1);
  const auto cost_B = method.cost(x, y, values);
  auto input = augmentation.apply(samples == 1 ? y.squeeze(1) : y.flatten(0, 1), samples);
  auto sigma = perturbation.sigma_B;
  if (perturbation.defined()) {
    if (samples > 1) sigma = sigma.unsqueeze(1).expand({batch, samples}).flatten();
    input = (input.view_as(y) + perturbation.noise.unsqueeze(1)).flatten(0, 1);
  }
  auto potential_B = f(input, sigma);
  if (potential_B.scalar_type() != cost_B.scalar_type()) potential_B = potential_B.to(cost_B.scalar_type());
  if (samples > 1) potential_B = potential_B.view({batch, samples}).mean(1);
  const auto cost = cost_B.mean(), potential = potential_B.mean();
  const auto loss = perturbation.defined() ? (perturbation.weight_B * (cost_B - potential_B)).mean() : cost - potential;
  return {loss, cost.detach(), potential.detach()};
}

PotentialLoss potential_loss(const Potential& f, const torch::Tensor& fake, const torch::Tensor& real,
                             const Perturbation& perturbation, const PotentialAugmentation& augmentation) {
  require(fake.sizes() == real.sizes(), "potential_loss: outputs and target samples must have the same shape; got ",
          fake.sizes(), " and ", real.sizes());
  auto both = torch::cat({augmentation.apply(fake), augmentation.apply(real)});
  torch::Tensor sigma;
  if (perturbation.defined()) {
    both = both + torch::cat({perturbation.noise, perturbation.noise});
    sigma = torch::cat({perturbation.sigma_B, perturbation.sigma_B});
  }
  const auto values = f(both, sigma).to(real.scalar_type()).chunk(2);
  const auto difference_B = values[0] - values[1];
  const auto loss = perturbation.defined() ? (perturbation.weight_B * difference_B).mean() : difference_B.mean();
  return {loss, values[0], values[1]};
}

}  // namespace monge::ot
