// Finds networks of known architectures among the tensors of a checkpoint of any trainer.
#pragma once

#include <string>
#include <vector>

#include "monge/nn/module.h"

namespace monge::nn {

/// A state dict among the tensors of a file.
struct FoundState {
  std::string prefix;       ///< the text before its keys, with the last dot: "", "state_dict.net."
  NamedTensors state;       ///< its tensors, named without the prefix
  bool is_map = true;       ///< a map (U-net); else a potential (ResNet)
  std::string description;  ///< "map (U-net, 3 -> 3 channels, width 48, depth 4)"

  /// The prefix as a user writes it after ?key=: without the last dot; "" at the top.
  std::string key() const;
};

/// All U-nets and ResNet potentials of the public codes, in the order of the file.
///
/// A network is found if the keys of its first and its last layer have the same prefix ("T.", "ema.module.", "" at the
/// top), which ends with a '.' or a '/'. At most 64 networks are found. The parts that compilation and sharding insert
/// into names ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.") are removed from keys and
/// prefixes, unless two keys would become equal. A tensor belongs to the network with the longest prefix of its name.
std::vector<FoundState> find_states(const NamedTensors& tensors);

/// Finds networks by all of their keys: every prefix that occurs with each of `keys`. Kind and description are not set.
std::vector<FoundState> find_states_with(const NamedTensors& tensors, const std::vector<std::string>& keys);

/// The states whose prefix is `key` or, if there is none, contains it as whole parts: "net" is in "state_dict.net.".
std::vector<FoundState> states_at(const std::vector<FoundState>& states, const std::string& key);

/// The first parts of the names, each with its number of tensors, for messages: "generator" (120 tensors).
std::vector<std::string> groups_of(const NamedTensors& tensors);

}  // namespace monge::nn
