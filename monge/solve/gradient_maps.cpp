// The gradient map by name, and its potential.
#include "monge/core/error.h"
#include "monge/nn/activation_curvature.h"
#include "monge/nn/gradient_map.h"
#include "monge/nn/icnn.h"
#include "monge/ot/cost.h"
#include "monge/solve/map_nets.h"
#include "monge/solve/mlp_section.h"
#include "monge/solve/options.h"
#include "monge/solve/potential_nets.h"
#include "monge/solve/precision.h"

namespace monge::solve {
namespace {

/// The layers of an icnn from the section [map] or [potential].
template <class Section>
nn::IcnnOptions icnn_options(const Section& section, const SolverOptions& options, int64_t dim) {
  const auto layers = mlp_options(section, /*fused=*/false);
  return {.dim = dim, .hidden = layers.hidden, .tau = ot::cost_scale(options.cost.scale, dim)};
}

/// @throws InputError unless the method has the squared cost and a deterministic map, and the arithmetic suits it.
void check_method(const SolverOptions& options, int64_t noise_channels) {
  if (precision_names().at(options.train.precision, "train.precision") == Precision::fp16) {
    throw InputError({.what = "a gradient map is trained by second derivatives, which leave the range of fp16",
                      .where = "train.precision",
                      .value = "\"fp16\"",
                      .allowed = "fp32, bf16x6, bf16x3, bf16, fp64",
                      .fix = "set train.precision = \"bf16\""});
  }
  if (make_method(options)->cost_kind() == ot::CostKind::squared && noise_channels == 0) return;
  throw InputError({.what = "a gradient map is the form of the optimal map for the squared cost",
                    .where = "map.net",
                    .value = "\"gradient\" with method = \"" + options.method + "\"",
                    .allowed = "strong; noised, forward alone; otp with otp.cost = \"strong\" or \"noised\"",
                    .fix = "set method = \"strong\", or map.net = \"mlp\""});
}

std::shared_ptr<nn::MapNet> make_gradient_map(const NetContext& context) {
  const auto& options = context.options;
  const int64_t dim = context.item_shape.at(0);
  check_method(options, context.noise_channels);
  if (options.map.residual) {
    throw InputError({.what = "a gradient map is x minus a gradient as it is",
                      .where = "map.residual",
                      .value = "true",
                      .allowed = "false",
                      .fix = "leave map.residual out"});
  }
  std::shared_ptr<nn::PotentialNet> potential;
  if (options.map.gradient_of == "icnn") {
    potential = std::make_shared<nn::IcnnPotential>(icnn_options(options.map, options, dim));
  } else {
    check_activation("map.activation", options.map.activation);
    potential = std::make_shared<nn::MlpPotential>(nn::MlpPotentialOptions{
        .dim = dim, .mlp = mlp_options(options.map, options.train.fused), .quadratic = options.map.quadratic});
  }
  return gradient_map_of(options, std::move(potential), context.item_shape);
}

/// All matrices but the smallest. @param section  MapOptions or PotentialOptions.
template <class Section>
double least_scalar_net_values(const Section& section, int64_t dim) {
  const double width = static_cast<double>(std::max<int64_t>(section.width, 1));
  const double depth = static_cast<double>(section.depth == 0 ? 2 : section.depth);
  return width * (static_cast<double>(dim) + (depth - 1) * width);
}

}  // namespace

void check_activation(const char* key, const std::string& activation) {
  if (nn::has_curvature(nn::activation_named(activation))) return;
  throw InputError({.what = "the gradient of a network of this activation is constant in pieces and learns nothing",
                    .where = key,
                    .value = '"' + activation + '"',
                    .allowed = "elu, silu, softplus, tanh",
                    .fix = text("set ", key, " = \"elu\"")});
}

double least_vector_potential_values(const SolverOptions& options, int64_t dim) {
  return least_scalar_net_values(options.potential, dim);
}

std::shared_ptr<nn::MapNet> gradient_map_of(const SolverOptions& options, std::shared_ptr<nn::PotentialNet> potential,
                                            const std::vector<int64_t>& shape) {
  return std::make_shared<nn::GradientMap>(std::move(potential), ot::cost_scale(options.cost.scale, shape.at(0)));
}

NetEntry<nn::MapNet> gradient_map_entry() {
  return {.help = "x minus the gradient of a potential",
          .data = DataKind::vectors,
          .make = make_gradient_map,
          .least_values = [](const NetContext& context) {
            return least_scalar_net_values(context.options.map, context.item_shape.at(0));
          }};
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
