// Infers the architecture of a state dict without a recipe, so that a .pt file of the public codes can be used.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "monge/nn/module.h"
#include "monge/nn/resnet_potential.h"
#include "monge/nn/unet.h"

namespace monge::nn {

using Architecture = std::variant<UNetOptions, ResNetPotentialOptions>;

/// Removes a wrapper's prefix ("module." of data-parallel training, "_orig_mod." of compilation) if every key has it.
NamedTensors without_wrapper(NamedTensors state);

/// Adapts the counters of batch norm in old and converted files (num_batches_tracked, which PyTorch has had since 0.4.1
/// and does not use here). If the state has none of the counters of `net`, they are added as zeros. Counters that were
/// saved as floats become integers.
NamedTensors with_counters(NamedTensors state, const torch::nn::Module& net);

/// Infers widths, depth, norm and channels from keys and shapes. For a potential, the size follows from the last layer;
/// 16 input channels beyond the 1..4 colours are taken as the public code's embedding of sigma.
///
/// Options that a state does not show keep their defaults: res_ratio, the embedding's input, output, residual.
/// @param state  may have a wrapper's prefix, see without_wrapper.
/// @param where  the file, for messages.
/// @throws InputError listing some of the keys and the known architectures, or naming the first shape that contradicts
///         the architecture.
Architecture infer_architecture(const NamedTensors& state, const std::string& where);

/// A map with the state loaded (with_counters), in eval mode. @throws InputError also if the state is a potential's.
std::shared_ptr<MapNet> map_from_state(const NamedTensors& state, const std::string& where);

/// A potential with the state loaded (with_counters), in eval mode. @throws InputError also if the state is a map's.
std::shared_ptr<PotentialNet> potential_from_state(const NamedTensors& state, const std::string& where);

}  // namespace monge::nn
