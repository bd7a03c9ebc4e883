#include "monge/model/broadcast_from_root.h"

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/safetensors.h"
#include "monge/train/broadcast_from_root.h"

namespace monge::model {

void broadcast_from_root(dist::ProcessGroup& group, Model& model) {
  if (group.size() == 1) return;
  auto recipe = model.recipe;
  group.require_same(model.origin + ", its recipe", content_hash(recipe ? recipe->options().to_toml(true) : ""));
  io::TensorFile file;
  const std::string inverse = "inverse_map/";
  if (group.is_root()) {
    for (const auto& [name, tensor] : nn::state_dict(*model.net)) file.tensors.emplace_back(name, tensor.cpu());
    if (model.inverse_net) {
      for (const auto& [name, tensor] : nn::state_dict(*model.inverse_net))
        file.tensors.emplace_back(inverse + name, tensor.cpu());
    }
    file.metadata["iteration"] = std::to_string(model.iteration);
  }
  auto received = io::parse_safetensors(group.broadcast(io::safetensors_bytes(file)), "data from rank 0");
  if (!group.is_root()) {
    nn::NamedTensors back;
    for (const auto& [name, tensor] : received.tensors) {
      if (name.starts_with(inverse)) back.emplace_back(name.substr(inverse.size()), tensor);
    }
    std::erase_if(received.tensors, [&](const auto& entry) { return entry.first.starts_with(inverse); });
    if (model.inverse_net) nn::load_state_dict(*model.inverse_net, back, model.origin + " as rank 0 has it");
    nn::load_state_dict(*model.net, received.tensors, model.origin + " as rank 0 has it");
    model.iteration = std::stoll(received.metadata.at("iteration"));
  }
  model.standardisation = train::broadcast_from_root(group, model.standardisation);
}

}  // namespace monge::model
