// Tells the architecture of a bare state dict, so that a .pt file of the public codes runs without a recipe.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "monge/nn/module.h"
#include "monge/nn/resnet_potential.h"
#include "monge/nn/unet.h"

namespace monge::nn {

using Architecture = std::variant<UNetOptions, ResNetPotentialOptions>;

/// The state without a wrapper's prefix ("module." of data-parallel training, "_orig_mod." of compilation) where every
/// key has it.
NamedTensors without_wrapper(NamedTensors state);

/// The state with what old and converted files lack or have otherwise: where it has none of the counters of batch norm
/// that `net` has (num_batches_tracked, which PyTorch has had since 0.4.1 and uses for nothing here), they are added as
/// zeros. Counters that were saved as floats become integers.
NamedTensors with_counters(NamedTensors state, const torch::nn::Module& net);

/// Reads widths, depth, norm and channels off keys and shapes. Of a potential, the size comes from the last layer, and
/// 16 channels of the input beyond the 1..4 colours are taken for the embedding of sigma of the public code.
///
/// What a state does not show keeps its default: res_ratio, the embedding's input, output, residual.
/// @param state  without_wrapper() is applied.
/// @param where  for the message: the file.
/// @throws InputError listing some of the keys and what is known, or the first shape that contradicts the architecture.
Architecture infer_architecture(const NamedTensors& state, const std::string& where);

/// A map with the state loaded (with_counters), in eval mode. @throws InputError also if the state is a potential's.
std::shared_ptr<MapNet> map_from_state(const NamedTensors& state, const std::string& where);

/// A potential with the state loaded (with_counters), in eval mode. @throws InputError also if the state is a map's.
std::shared_ptr<PotentialNet> potential_from_state(const NamedTensors& state, const std::string& where);

}  // namespace monge::nn
