#include "monge/solve/potential_nets.h"

#include <algorithm>

#include "monge/nn/ddpm_potential.h"
#include "monge/nn/resnet_potential.h"
#include "monge/solve/mlp_section.h"
#include "monge/solve/no_patches.h"
#include "monge/solve/options.h"

namespace monge::solve {
namespace {

nn::NoiseEmbeddingOptions embedding(const ot::Conditioning& conditioning) {
  if (conditioning.channels == 0) return {};
  nn::NoiseEmbeddingOptions options;
  options.channels = conditioning.channels;
  options.input = conditioning.embedding;
  options.scale_input = conditioning.scale_input;
  options.sigma_data = conditioning.sigma_data;
  return options;
}

std::shared_ptr<nn::PotentialNet> make_resnet(const NetContext& context) {
  const auto& p = context.options.potential;
  nn::ResNetPotentialOptions options{.size = {context.item_shape[2], context.item_shape[1]},
                                     .nc = context.item_shape[0],
                                     .patch = p.patch,
                                     .res_ratio = p.res_ratio,
                                     .fused = context.options.train.fused,
                                     .gpu_kernels = context.options.train.gpu_kernels,
                                     .noise = embedding(context.conditioning)};
  if (p.width != 0) options.nfilter = p.width;
  options.nfilter_max = std::max(p.width_max, options.nfilter);
  return std::make_shared<nn::ResNetPotential>(options);
}

std::shared_ptr<nn::PotentialNet> make_ddpm(const NetContext& context) {
  const auto& p = context.options.potential;
  require_no_patches(p.patch, "potential.patch");
  nn::DdpmPotentialOptions options{.size = {context.item_shape[2], context.item_shape[1]},
                                   .channels = context.item_shape[0],
                                   .fused = context.options.train.fused,
                                   .noise = embedding(context.conditioning)};
  if (p.width != 0) options.width = p.width;
  options.width_max = std::max(p.width_max, options.width);
  return std::make_shared<nn::DdpmPotential>(options);
}

std::shared_ptr<nn::PotentialNet> make_mlp_potential(const NetContext& context) {
  const auto& p = context.options.potential;
  return std::make_shared<nn::MlpPotential>(nn::MlpPotentialOptions{.dim = context.item_shape.at(0),
                                                                    .mlp = mlp_options(p, context.options.train.fused),
                                                                    .quadratic = p.quadratic,
                                                                    .noise = embedding(context.conditioning)});
}

}  // namespace

NetEntry<nn::PotentialNet> resnet_entry() {
  return {.help = "the residual net of the public codes", .data = DataKind::images, .make = make_resnet};
}

NetEntry<nn::PotentialNet> ddpm_potential_entry() {
  return {.help = "residual blocks of the map ddpm, without norms", .data = DataKind::images, .make = make_ddpm};
}

NetEntry<nn::PotentialNet> mlp_potential_entry() {
  return {.help = "a chain of linear layers", .data = DataKind::vectors, .make = make_mlp_potential};
}

}  // namespace monge::solve
