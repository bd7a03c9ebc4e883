// The tensors of the nets beside the map among those of a model: in an exported file, and on the way to other ranks.
#pragma once

#include <string>
#include <vector>

#include "monge/nn/module.h"

namespace monge::model {

/// Before the keys of the inverse map, and of the potential.
inline constexpr const char* kInversePrefix = "inverse_map/";
inline constexpr const char* kPotentialPrefix = "potential/";

/// The tensors whose names begin with `prefix`, without it.
inline nn::NamedTensors with_prefix(const nn::NamedTensors& tensors, const std::string& prefix) {
  nn::NamedTensors out;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) out.emplace_back(name.substr(prefix.size()), tensor);
  }
  return out;
}

/// Adds a net's state under a prefix; nothing for null.
inline void add_net(nn::NamedTensors& tensors, const char* prefix, const torch::nn::Module* net) {
  if (!net) return;
  for (const auto& [name, tensor] : nn::state_dict(*net)) tensors.emplace_back(prefix + name, tensor);
}

/// Removes the tensors of a prefix and returns them without it; empty if there are none.
inline nn::NamedTensors take_net(nn::NamedTensors& tensors, const char* prefix) {
  auto out = with_prefix(tensors, prefix);
  std::erase_if(tensors, [prefix](const auto& entry) { return entry.first.starts_with(prefix); });
  return out;
}

}  // namespace monge::model
