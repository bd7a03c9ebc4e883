// The built-in potentials, one factory each.
#pragma once

#include "monge/solve/net_registry.h"

namespace monge::solve {

/// nn::ResNetPotential, for images.
NetEntry<nn::PotentialNet> resnet_entry();

/// nn::DdpmPotential, for images.
NetEntry<nn::PotentialNet> ddpm_potential_entry();

/// nn::MlpPotential, for vectors.
NetEntry<nn::PotentialNet> mlp_potential_entry();

/// nn::IcnnPotential, for vectors; in gradient_maps.cpp.
NetEntry<nn::PotentialNet> icnn_entry();

}  // namespace monge::solve
