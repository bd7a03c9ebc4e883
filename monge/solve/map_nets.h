// The built-in maps, one factory each.
#pragma once

#include "monge/solve/net_registry.h"

namespace monge::solve {

/// nn::UNet, for images.
NetEntry<nn::MapNet> unet_entry();

/// nn::DdpmMap, for images.
NetEntry<nn::MapNet> ddpm_entry();

/// nn::MlpMap, for vectors.
NetEntry<nn::MapNet> mlp_map_entry();

/// nn::GradientMap, for vectors.
NetEntry<nn::MapNet> gradient_map_entry();

/// @throws InputError for an activation without curvature, in a net whose gradient is a map.
/// @param key  of the option, for the message.
void check_activation(const char* key, const std::string& activation);

/// A lower bound of the number of values of an mlp or icnn that is the potential of vectors.
double least_vector_potential_values(const SolverOptions& options, int64_t dim);

/// The gradient map of `potential` for items of `shape` and the cost of the options.
std::shared_ptr<nn::MapNet> gradient_map_of(const SolverOptions& options, std::shared_ptr<nn::PotentialNet> potential,
                                            const std::vector<int64_t>& shape);

}  // namespace monge::solve
