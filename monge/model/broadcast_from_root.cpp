#include "monge/model/broadcast_from_root.h"

#include <c10/util/accumulate.h>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/safetensors.h"
#include "monge/model/net_tensors.h"
#include "monge/train/broadcast_from_root.h"

namespace monge::model {

void broadcast_from_root(dist::ProcessGroup& group, Model& model) {
  if (group.size() == 1) return;
  auto recipe = model.recipe;
  group.require_same(model.origin + ", its recipe", content_hash(recipe ? recipe->options().to_toml(true) : ""));
  io::TensorFile file;
  if (group.is_root()) {
    file.tensors = nn::state_dict(*model.net);
    add_net(file.tensors, kInversePrefix, model.inverse_net.get());
    if (model.sample_weights) add_net(file.tensors, kPotentialPrefix, model.sample_weights->potential().get());
    for (auto& [name, tensor] : file.tensors) tensor = tensor.cpu();
    file.metadata["iteration"] = std::to_string(model.iteration);
  }
  auto received = io::parse_safetensors(group.broadcast(io::safetensors_bytes(file)), "data from rank 0");
  if (!group.is_root()) {
    const auto inverse = take_net(received.tensors, kInversePrefix);
    const auto potential = take_net(received.tensors, kPotentialPrefix);
    if (model.inverse_net) nn::load_state_dict(*model.inverse_net, inverse, model.origin + " as rank 0 has it");
    if (model.sample_weights)
      nn::load_state_dict(*model.sample_weights->potential(), potential, model.origin + " as rank 0 has it");
    nn::load_state_dict(*model.net, received.tensors, model.origin + " as rank 0 has it");
    model.iteration = std::stoll(received.metadata.at("iteration"));
    if (model.sample_weights) {  // its alpha is that of the iteration
      model.sample_weights.emplace(model.sample_weights->potential(), *model.recipe,
                                   c10::multiply_integers(model.item_shape), model.iteration);
    }
  }
  model.standardisation = train::broadcast_from_root(group, model.standardisation);
}

}  // namespace monge::model
