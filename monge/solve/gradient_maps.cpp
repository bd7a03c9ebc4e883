// The gradient map by name, and its potential.
#include "monge/core/error.h"
#include "monge/nn/gradient_map.h"
#include "monge/nn/icnn.h"
#include "monge/ot/cost.h"
#include "monge/solve/map_nets.h"
#include "monge/solve/mlp_section.h"
#include "monge/solve/options.h"
#include "monge/solve/potential_nets.h"

namespace monge::solve {
namespace {

/// The layers of an icnn from the section [map] or [potential].
template <class Section>
nn::IcnnOptions icnn_options(const Section& section, const SolverOptions& options, int64_t dim) {
  const auto layers = mlp_options(section, /*fused=*/false);
  return {.dim = dim, .hidden = layers.hidden, .tau = ot::cost_scale(options.cost.scale, dim)};
}

/// @throws InputError unless the method has the squared cost and a deterministic map.
void check_method(const SolverOptions& options, int64_t noise_channels) {
  if (make_method(options)->cost_kind() == ot::CostKind::squared && noise_channels == 0) return;
  throw InputError({.what = "a gradient map is the form of the optimal map for the squared cost",
                    .where = "map.net",
                    .value = "\"gradient\" with method = \"" + options.method + "\"",
                    .allowed = "a method with the squared cost and a deterministic map: strong, otp, noised",
                    .fix = "set method = \"strong\", or map.net = \"mlp\""});
}

std::shared_ptr<nn::MapNet> make_gradient_map(const NetContext& context) {
  const auto& options = context.options;
  const int64_t dim = context.item_shape.at(0);
  check_method(options, context.noise_channels);
  require(!options.map.residual, "map.residual = true: a gradient map is x minus a gradient as it is; leave it out");
  std::shared_ptr<nn::PotentialNet> potential;
  if (options.map.gradient_of == "icnn") {
    potential = std::make_shared<nn::IcnnPotential>(icnn_options(options.map, options, dim));
  } else {
    potential = std::make_shared<nn::MlpPotential>(nn::MlpPotentialOptions{
        .dim = dim, .mlp = mlp_options(options.map, options.train.fused), .quadratic = options.map.quadratic});
  }
  return gradient_map_of(options, std::move(potential), context.item_shape);
}

/// All matrices but the smallest.
double least_gradient_values(const NetContext& context) {
  const auto& m = context.options.map;
  const double width = static_cast<double>(std::max<int64_t>(m.width, 1));
  const double depth = static_cast<double>(m.depth == 0 ? 2 : m.depth);
  return width * (static_cast<double>(context.item_shape.at(0)) + (depth - 1) * width);
}

}  // namespace

std::shared_ptr<nn::MapNet> gradient_map_of(const SolverOptions& options, std::shared_ptr<nn::PotentialNet> potential,
                                            const std::vector<int64_t>& shape) {
  return std::make_shared<nn::GradientMap>(std::move(potential), ot::cost_scale(options.cost.scale, shape.at(0)));
}

NetEntry<nn::MapNet> gradient_map_entry() {
  return {.help = "x minus the gradient of a potential",
          .data = DataKind::vectors,
          .make = make_gradient_map,
          .least_values = least_gradient_values};
}

NetEntry<nn::PotentialNet> icnn_entry() {
  return {.help = "the squared norm minus an input-convex net",
          .data = DataKind::vectors,
          .make = [](const NetContext& context) -> std::shared_ptr<nn::PotentialNet> {
            require(context.conditioning.channels == 0, "potential.net = \"icnn\" takes no noise level; use an mlp");
            return std::make_shared<nn::IcnnPotential>(
                icnn_options(context.options.potential, context.options, context.item_shape.at(0)));
          }};
}

}  // namespace monge::solve
