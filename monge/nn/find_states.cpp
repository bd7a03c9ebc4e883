#include "monge/nn/find_states.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/nn/infer.h"

namespace monge::nn {
namespace {

constexpr size_t kMostStates = 64;  // no checkpoint has more; bounds the time that a hostile file can cost

constexpr const char* kInWrappers[] = {"_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."};

/// The key without the parts that wrappers of single layers insert.
std::string without_inner_wrappers(std::string_view key) {
  std::string out;
  bool at_part = true;
  while (!key.empty()) {
    size_t skipped = 0;
    for (const std::string_view wrapper : kInWrappers) {
      if (at_part && key.starts_with(wrapper)) skipped = wrapper.size();
    }
    if (skipped == 0) {
      out += key[0];
      at_part = key[0] == '.' || key[0] == '/';
      skipped = 1;
    }
    key.remove_prefix(skipped);
  }
  return out;
}

/// The keys without the parts that wrappers of single layers insert; unchanged if two of them would become equal.
NamedTensors without_inner_wrappers(NamedTensors tensors) {
  auto out = tensors;
  std::unordered_set<std::string> names;
  for (auto& [key, tensor] : out) {
    key = without_inner_wrappers(key);
    if (!names.insert(key).second) return tensors;
  }
  return out;
}

/// The prefixes that occur with each of `keys`, in the order of the file.
std::vector<std::string> prefixes_with(const NamedTensors& tensors, const std::vector<std::string>& keys) {
  std::vector<std::string> out;
  if (keys.empty()) return out;
  std::unordered_set<std::string_view> names;
  for (const auto& [name, tensor] : tensors) names.insert(name);
  for (const auto& [name, tensor] : tensors) {
    if (!name.ends_with(keys[0]) || out.size() == kMostStates) continue;
    const auto prefix = name.substr(0, name.size() - keys[0].size());
    if (!prefix.empty() && prefix.back() != '.' && prefix.back() != '/') continue;
    if (std::all_of(keys.begin(), keys.end(), [&](const auto& key) { return names.contains(prefix + key); })) {
      out.push_back(prefix);
    }
  }
  return out;
}

/// Assigns every tensor to the state with the longest prefix of its name.
void fill(std::vector<FoundState>& states, const NamedTensors& tensors) {
  std::vector<FoundState*> longest_first;
  for (auto& state : states) longest_first.push_back(&state);
  std::stable_sort(longest_first.begin(), longest_first.end(),
                   [](const auto* a, const auto* b) { return a->prefix.size() > b->prefix.size(); });
  for (const auto& [name, tensor] : tensors) {
    for (auto* state : longest_first) {
      if (!name.starts_with(state->prefix)) continue;
      state->state.emplace_back(name.substr(state->prefix.size()), tensor);
      break;
    }
  }
}

std::string description_of(const NamedTensors& state, bool is_map) {
  try {
    const auto architecture = infer_architecture(state, "");
    if (const auto* unet = std::get_if<UNetOptions>(&architecture)) {
      return text("map (U-net, ", unet->in, " -> ", unet->out, " channels, width ", unet->base, ", depth ", unet->depth,
                  unet->norm == "group" ? ", group norm)" : ")");
    }
    const auto& potential = std::get<ResNetPotentialOptions>(architecture);
    return text("potential (ResNet, ", potential.nc, potential.nc == 1 ? " channel" : " channels",
                potential.noise.channels > 0 ? " and a noise level" : "", ", width ", potential.nfilter, ")");
  } catch (const InputError&) {
    return is_map ? "map (U-net) that cannot be read" : "potential (ResNet) that cannot be read";
  }
}

}  // namespace

std::string FoundState::key() const { return prefix.empty() ? prefix : prefix.substr(0, prefix.size() - 1); }

std::vector<FoundState> find_states(const NamedTensors& given) {
  const auto tensors = without_inner_wrappers(given);
  std::vector<FoundState> out;
  for (const auto& prefix : prefixes_with(tensors, {"inc.double_conv.0.weight", "outc.conv.weight"})) {
    out.push_back({.prefix = prefix, .state = {}, .is_map = true, .description = {}});
  }
  for (const auto& prefix : prefixes_with(tensors, {"conv_img.weight", "fc.weight"})) {
    out.push_back({.prefix = prefix, .state = {}, .is_map = false, .description = {}});
  }
  fill(out, tensors);
  for (auto& found : out) found.description = description_of(found.state, found.is_map);
  return out;
}

std::vector<FoundState> find_states_with(const NamedTensors& given, const std::vector<std::string>& keys) {
  const auto tensors = without_inner_wrappers(given);
  std::vector<FoundState> out;
  for (const auto& prefix : prefixes_with(tensors, keys)) {
    out.push_back({.prefix = prefix, .state = {}, .is_map = true, .description = {}});
  }
  fill(out, tensors);
  return out;
}

std::vector<FoundState> states_at(const std::vector<FoundState>& states, const std::string& key) {
  std::vector<FoundState> out;
  for (const auto& state : states) {
    if (state.key() == key) return {state};
    const auto whole = "." + state.key() + ".";
    if (!key.empty() && whole.find("." + key + ".") != std::string::npos) out.push_back(state);
  }
  return out;
}

std::vector<std::string> groups_of(const NamedTensors& tensors) {
  std::vector<std::string> order;
  std::unordered_map<std::string, int64_t> counts;
  for (const auto& [name, tensor] : tensors) {
    const auto first = name.substr(0, name.find_first_of("./"));
    if (counts[first]++ == 0) order.push_back(first);
  }
  for (auto& group : order) {
    const int64_t count = counts[group];
    group = text(shown(group), " (", count, count == 1 ? " tensor)" : " tensors)");
  }
  return order;
}

}  // namespace monge::nn
