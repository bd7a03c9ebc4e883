// The options of an mlp from the section [map] or [potential].
#pragma once

#include "monge/nn/mlp.h"

namespace monge::solve {

/// @param section  MapOptions or PotentialOptions; 0 takes the default width and depth of nn::MlpOptions.
template <class Section>
nn::MlpOptions mlp_options(const Section& section, bool fused) {
  const nn::MlpOptions usual;
  const size_t depth = section.depth == 0 ? usual.hidden.size() : static_cast<size_t>(section.depth);
  return {.hidden = std::vector<int64_t>(depth, section.width == 0 ? usual.hidden.front() : section.width),
          .activation = section.activation,
          .zero_last = section.zero_last,
          .fused = fused};
}

}  // namespace monge::solve
