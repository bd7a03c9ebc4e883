#include "monge/nn/module.h"

#include <torch/utils.h>

#include <map>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"

namespace monge::nn {
namespace {

constexpr size_t listed_at_most = 5;

void collect(const torch::nn::Module& module, const std::string& prefix, NamedTensors& out) {
  for (const auto& entry : module.named_parameters(/*recurse=*/false)) out.emplace_back(prefix + entry.key(), *entry);
  for (const auto& entry : module.named_buffers(/*recurse=*/false)) out.emplace_back(prefix + entry.key(), *entry);
  for (const auto& entry : module.named_children()) collect(**entry, prefix + entry.key() + ".", out);
}

bool interchangeable(const torch::Tensor& mine, const torch::Tensor& theirs) {
  const bool scalars = mine.numel() == 1 && theirs.numel() == 1 && mine.dim() <= 1 && theirs.dim() <= 1;
  return scalars || mine.sizes() == theirs.sizes();
}

/// "3 missing (a, b, c)", shortened.
void report(std::vector<std::string>& faults, const std::string& kind, std::vector<std::string> keys) {
  if (keys.empty()) return;
  const size_t count = keys.size();
  if (count > listed_at_most) {
    keys.resize(listed_at_most);
    keys.push_back("...");
  }
  faults.push_back(text(count, " ", kind, " (", join(keys), ")"));
}

}  // namespace

NamedTensors state_dict(const torch::nn::Module& module) {
  NamedTensors out;
  collect(module, "", out);
  return out;
}

void load_state_dict(torch::nn::Module& module, const NamedTensors& state, const std::string& where) {
  std::map<std::string, torch::Tensor> given;
  std::vector<std::string> missing, unexpected, repeated, misshapen, mistyped;
  for (const auto& [key, tensor] : state) {
    if (!given.emplace(key, tensor).second) repeated.push_back(shown(key));
  }
  auto mine = state_dict(module);
  std::map<std::string, torch::Tensor> wanted(mine.begin(), mine.end());
  for (const auto& [key, tensor] : given) {
    if (wanted.count(key) == 0) unexpected.push_back(shown(key));
  }
  for (const auto& [key, tensor] : mine) {
    const auto found = given.find(key);
    if (found == given.end() || !found->second.defined()) {
      missing.push_back(key);
    } else if (!interchangeable(tensor, found->second)) {
      misshapen.push_back(text(key, " is ", found->second.sizes(), ", the net wants ", tensor.sizes()));
    } else if (tensor.is_floating_point() != found->second.is_floating_point()) {
      mistyped.push_back(text(key, " is ", found->second.scalar_type(), ", the net wants ", tensor.scalar_type()));
    }
  }

  std::vector<std::string> faults;
  report(faults, "missing", missing);
  report(faults, "unexpected", unexpected);
  report(faults, "repeated", repeated);
  report(faults, "of another shape", misshapen);
  report(faults, "of another type", mistyped);
  if (!faults.empty()) {
    throw Error(Complaint{.what = "the state does not fit the network",
                          .where = where,
                          .value = join(faults, "; "),
                          .fix = "give the net the widths and noise channels that the state was trained with"});
  }
  const at::NoGradGuard no_grad;
  for (auto& [key, tensor] : mine) tensor.copy_(given.at(key).reshape(tensor.sizes()));
}

void to_type(torch::nn::Module& module, torch::ScalarType type) {
  for (auto& [key, tensor] : state_dict(module)) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.detach().to(type));
  }
}

void to_channels_last(torch::nn::Module& module) {
  for (auto& [key, tensor] : state_dict(module)) {
    if (tensor.dim() == 4) tensor.set_data(tensor.detach().contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

int64_t parameter_count(const torch::nn::Module& module) {
  int64_t out = 0;
  for (const auto& parameter : module.parameters()) out += parameter.numel();
  return out;
}

}  // namespace monge::nn
