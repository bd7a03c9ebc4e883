#include "monge/solve/net_registry.h"

#include "monge/solve/map_nets.h"
#include "monge/solve/potential_nets.h"

namespace monge::solve {

Registry<NetEntry<nn::MapNet>>& map_nets() {
  static Registry<NetEntry<nn::MapNet>> nets(
      "map.net",
      {{"unet", unet_entry()}, {"ddpm", ddpm_entry()}, {"mlp", mlp_map_entry()}, {"gradient", gradient_map_entry()}});
  return nets;
}

Registry<NetEntry<nn::PotentialNet>>& potential_nets() {
  static Registry<NetEntry<nn::PotentialNet>> nets("potential.net", {{"resnet", resnet_entry()},
                                                                     {"ddpm", ddpm_potential_entry()},
                                                                     {"mlp", mlp_potential_entry()},
                                                                     {"icnn", icnn_entry()}});
  return nets;
}

OptionSections net_sections() {
  OptionSections out;
  const auto add_of = [&out](const auto& nets) {
    for (const auto& name : nets.ordered()) {
      if (const auto& options = nets.at(name).options) out.add(*options);
    }
  };
  add_of(map_nets());
  add_of(potential_nets());
  return out;
}

}  // namespace monge::solve
