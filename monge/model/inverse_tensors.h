// The tensors of an inverse map among those of a model: in an exported file, and on the way to other ranks.
#pragma once

#include <string>
#include <vector>

#include "monge/nn/module.h"

namespace monge::model {

/// Before the keys of the inverse map.
inline constexpr const char* kInversePrefix = "inverse_map/";

/// The tensors whose names begin with `prefix`, without it.
inline nn::NamedTensors with_prefix(const nn::NamedTensors& tensors, const std::string& prefix) {
  nn::NamedTensors out;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) out.emplace_back(name.substr(prefix.size()), tensor);
  }
  return out;
}

/// Adds the inverse map's state under its prefix; nothing for null.
inline void add_inverse(nn::NamedTensors& tensors, const nn::MapNet* inverse) {
  if (!inverse) return;
  for (const auto& [name, tensor] : nn::state_dict(*inverse)) tensors.emplace_back(kInversePrefix + name, tensor);
}

/// Removes the inverse map's tensors and returns them without the prefix; empty if there are none.
inline nn::NamedTensors take_inverse(nn::NamedTensors& tensors) {
  auto out = with_prefix(tensors, kInversePrefix);
  std::erase_if(tensors, [](const auto& entry) { return entry.first.starts_with(kInversePrefix); });
  return out;
}

}  // namespace monge::model
