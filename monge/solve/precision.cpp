#include "monge/solve/precision.h"

#include <ATen/cpu/Utils.h>

namespace monge::solve {
namespace {

Precision value_of(const std::string& precision) { return precision_names().at(precision, "train.precision"); }

bool has_amx() {
  const auto abilities = at::cpu::get_cpu_capabilities();
  const auto amx = abilities.find("amx_bf16");
  return amx != abilities.end() && amx->second.isBool() && amx->second.toBool();
}

}  // namespace

const ValueNames<Precision>& precision_names() {
  static const ValueNames<Precision> names{{"auto", Precision::automatic},
                                           {"fp32", Precision::fp32},
                                           {"bf16", Precision::bf16},
                                           {"fp16", Precision::fp16},
                                           {"fp64", Precision::fp64}};
  return names;
}

std::string resolve_precision(const std::string& precision, torch::Device device, const LogSink& log) {
  auto value = value_of(precision);
  if (value == Precision::fp16 && !device.is_cuda()) {
    log(LogLevel::warning, "train.precision = \"fp16\" needs a GPU; training in fp32");
    value = Precision::fp32;
  } else if (value == Precision::automatic) {
    value = device.is_cuda() || has_amx() ? Precision::bf16 : Precision::fp32;
  }
  return precision_names().name(value);
}

torch::ScalarType state_type(const std::string& precision) {
  return value_of(precision) == Precision::fp64 ? torch::kFloat64 : torch::kFloat32;
}

torch::ScalarType product_type(const std::string& precision) {
  switch (value_of(precision)) {
    case Precision::bf16:
      return torch::kBFloat16;
    case Precision::fp16:
      return torch::kHalf;
    case Precision::fp64:
      return torch::kFloat64;
    default:
      return torch::kFloat32;
  }
}

bool scales_loss(const std::string& precision, torch::Device device) {
  return value_of(precision) == Precision::fp16 && device.is_cuda();
}

}  // namespace monge::solve
