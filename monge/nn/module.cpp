#include "monge/nn/module.h"

#include <torch/utils.h>

#include <map>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"

namespace monge::nn {
namespace {

constexpr size_t kListedAtMost = 5;

void collect(const torch::nn::Module& module, const std::string& prefix, NamedTensors& out) {
  for (const auto& entry : module.named_parameters(/*recurse=*/false)) out.emplace_back(prefix + entry.key(), *entry);
  for (const auto& entry : module.named_buffers(/*recurse=*/false)) out.emplace_back(prefix + entry.key(), *entry);
  for (const auto& entry : module.named_children()) collect(**entry, prefix + entry.key() + ".", out);
}

bool interchangeable(const torch::Tensor& mine, const torch::Tensor& theirs) {
  const bool scalars = mine.numel() == 1 && theirs.numel() == 1 && mine.dim() <= 1 && theirs.dim() <= 1;
  return scalars || mine.sizes() == theirs.sizes();
}

/// "3 missing (a, b, c)", shortened; empty if there is no fault of that kind.
std::string summary(const std::vector<StateFault>& faults, StateFault::Kind kind, const std::string& name) {
  std::vector<std::string> listed;
  size_t count = 0;
  for (const auto& fault : faults) {
    if (fault.kind != kind || ++count > kListedAtMost) continue;
    // Keys that only the file has may hold anything.
    const bool is_own = kind != StateFault::Kind::unexpected && kind != StateFault::Kind::repeated;
    listed.push_back(is_own ? fault.key : shown(fault.key));
    if (kind == StateFault::Kind::shape)
      listed.back() += text(" is ", fault.given.sizes(), ", the net needs ", fault.wanted.sizes());
    if (kind == StateFault::Kind::type)
      listed.back() += text(" is ", fault.given.scalar_type(), ", the net needs ", fault.wanted.scalar_type());
  }
  if (count > kListedAtMost) listed.emplace_back("...");
  return count == 0 ? "" : text(count, " ", name, " (", join(listed), ")");
}

}  // namespace

ValueAndGradient PotentialNet::value_and_gradient(const torch::Tensor&) {
  throw InputError("this potential does not compute its gradient; gradient maps are made from an mlp or an icnn");
}

NamedTensors state_dict(const torch::nn::Module& module) {
  NamedTensors out;
  collect(module, "", out);
  return out;
}

std::vector<StateFault> state_faults(const NamedTensors& wanted, const NamedTensors& given) {
  using Kind = StateFault::Kind;
  std::vector<StateFault> out, repeated;
  std::map<std::string, torch::Tensor> left;
  for (const auto& [key, tensor] : given) {
    if (!left.emplace(key, tensor).second)
      repeated.push_back({.kind = Kind::repeated, .key = key, .wanted = {}, .given = tensor});
  }
  for (const auto& [key, tensor] : wanted) {
    const auto found = left.extract(key);
    if (found.empty() || !found.mapped().defined()) {
      out.push_back({.kind = Kind::missing, .key = key, .wanted = tensor, .given = {}});
    } else if (!interchangeable(tensor, found.mapped())) {
      out.push_back({.kind = Kind::shape, .key = key, .wanted = tensor, .given = found.mapped()});
    } else if (tensor.is_floating_point() != found.mapped().is_floating_point()) {
      out.push_back({.kind = Kind::type, .key = key, .wanted = tensor, .given = found.mapped()});
    }
  }
  for (const auto& [key, tensor] : left)
    out.push_back({.kind = Kind::unexpected, .key = key, .wanted = {}, .given = tensor});
  out.insert(out.end(), repeated.begin(), repeated.end());
  return out;
}

void copy_state(const NamedTensors& to, const NamedTensors& from, Complaint misfit) {
  if (const auto faults = state_faults(to, from); !faults.empty()) {
    for (const auto& [kind, name] : {std::pair(StateFault::Kind::missing, "missing"),
                                     {StateFault::Kind::unexpected, "unexpected"},
                                     {StateFault::Kind::repeated, "repeated"},
                                     {StateFault::Kind::shape, "of wrong shape"},
                                     {StateFault::Kind::type, "of wrong type"}}) {
      const auto part = summary(faults, kind, name);
      if (!part.empty()) misfit.value += (misfit.value.empty() ? "" : "; ") + part;
    }
    throw InputError(misfit);
  }
  const std::map<std::string, torch::Tensor> given(from.begin(), from.end());
  const at::NoGradGuard no_grad;
  for (auto [key, tensor] : to) tensor.copy_(given.at(key).reshape(tensor.sizes()));
}

void load_state_dict(torch::nn::Module& module, const NamedTensors& state, const std::string& where) {
  copy_state(state_dict(module), state,
             {.what = "the state does not fit the network",
              .where = where,
              .fix = "give the net the widths and noise channels that the state was trained with"});
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
