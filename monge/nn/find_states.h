// Finds networks of known architectures among the tensors of a checkpoint, whatever the trainer put around them.
#pragma once

#include <string>
#include <vector>

#include "monge/nn/module.h"

namespace monge::nn {

/// A state dict among the tensors of a file.
struct FoundState {
  std::string prefix;       ///< what stood in front of its keys, with the last dot: "", "state_dict.net."
  NamedTensors state;       ///< its tensors under their own keys
  bool is_map = true;       ///< a map (U-net); else a potential (ResNet)
  std::string description;  ///< "map (U-net, 3 -> 3 channels, width 48, depth 4)"

  /// The prefix as a user writes it behind ?key=: without the last dot; "" at the top.
  std::string key() const;
};

/// All U-nets and ResNet potentials of the public codes, in the order of the file.
///
/// A network is where its first and its last layer stand behind one prefix ("T.", "ema.module.", "" at the top), which
/// ends with a '.' or a '/'. At most 64 are looked for. What compilation and sharding put between the names of a
/// network
/// ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.") is left out of keys and prefixes where no two
/// keys become one. A tensor belongs to the network with the longest prefix in front of it.
std::vector<FoundState> find_states(const NamedTensors& tensors);

/// The same for networks by all of their keys: every prefix behind which all `keys` stand. Kind and description are not
/// set.
std::vector<FoundState> find_states_with(const NamedTensors& tensors, const std::vector<std::string>& keys);

/// Those whose prefix is `key`, or else contains it as whole parts: "net" is in "state_dict.net.".
std::vector<FoundState> states_at(const std::vector<FoundState>& states, const std::string& key);

/// The first parts of the names with the number of tensors behind each, for messages: "generator" (120 tensors).
std::vector<std::string> groups_of(const NamedTensors& tensors);

}  // namespace monge::nn
