#include "monge/ot/gradient_pair.h"

#include <torch/types.h>

#include "monge/ot/cost.h"
#include "monge/ot/regulariser.h"

namespace monge::ot {
namespace {

/// A potential and its gradient at the samples of its own side, with the graph.
struct AtSamples {
  torch::Tensor points_BD, value_B, gradient_BD;
};

AtSamples at_samples(const GradientPotential& potential, const torch::Tensor& points) {
  auto [value, gradient] = potential(points);
  return {points, value, gradient};
}

/// The losses of the direction from the samples of g, whose gradient is the map, to those of f.
/// @param marginals  of this direction.
GradientPairLoss one_direction(const AtSamples& g, const AtSamples& f_real, const GradientPotential& f,
                               const Marginals& marginals, const GradientPairOptions& o) {
  const auto &x = g.points_BD, &y = f_real.points_BD;
  const auto output = x - g.gradient_BD / (2 * o.tau);
  const auto output_detached = output.detach();
  const auto [fake_B, slope_BD] = f(output_detached);
  const auto cost_B = squared_cost(x, output_detached, o.tau);
  GradientPairLoss out;
  out.cost = cost_B.mean().detach();
  out.fake = fake_B.mean().detach();
  out.map = out.cost - out.fake;
  // The derivative of c(x, T) - f(T) in T, times T: the derivative of L_T without a graph through f.
  const auto output_gradient = (2 * o.tau * (output_detached - x) - slope_BD).detach();
  const auto map_term = (output_gradient * output).sum(1).mean();
  auto potential_term = marginals.relaxed() ? unbalanced_loss(marginals, fake_B, cost_B, f_real.value_B, o.alpha)
                                            : fake_B.mean() - f_real.value_B.mean();
  out.potential = potential_term.detach();
  if (o.expectile > 0) {
    const auto scale = o.expectile_scale.defined() ? o.expectile_scale : torch::ones({}, cost_B.options());
    potential_term = potential_term + o.expectile * expectile_penalty(cost_B, fake_B, squared_cost(x, y, o.tau),
                                                                      f_real.value_B, o.expectile_level, scale);
  }
  if (o.r1 > 0) potential_term = potential_term + 0.5 * o.r1 * f_real.gradient_BD.square().sum(1).mean();
  out.total = map_term + o.potential_weight * potential_term;
  return out;
}

}  // namespace

GradientPairLoss gradient_pair_loss(const GradientPotential& g, const GradientPotential& f, const torch::Tensor& x,
                                    const torch::Tensor& y, const GradientPairOptions& options) {
  const auto g_real = at_samples(g, x), f_real = at_samples(f, y);
  auto out = one_direction(g_real, f_real, f, options.marginals, options);
  if (options.both)
    out.total = out.total + one_direction(f_real, g_real, g, options.marginals.reversed(), options).total;
  return out;
}

}  // namespace monge::ot
