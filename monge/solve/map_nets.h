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

}  // namespace monge::solve
