#include "monge/solve/autocast.h"

#include <ATen/cpu/Utils.h>

namespace monge::solve {

std::string resolve_precision(const std::string& precision, torch::Device device, const LogSink& log) {
  if (precision == "fp16" && !device.is_cuda()) {
    log(LogLevel::warning, "train.precision = \"fp16\" needs a GPU; training in fp32");
    return "fp32";
  }
  if (precision != "auto") return precision;
  const auto abilities = at::cpu::get_cpu_capabilities();
  const auto amx = abilities.find("amx_bf16");
  const bool matrix_units = amx != abilities.end() && amx->second.isBool() && amx->second.toBool();
  return device.is_cuda() || matrix_units ? "bf16" : "fp32";
}

}  // namespace monge::solve
