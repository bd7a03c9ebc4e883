#include "monge/solve/precision.h"

#include "monge/core/error.h"
#include "monge/nn/gemm_matrix_units.h"

namespace monge::solve {
namespace {

Precision value_of(const std::string& precision) { return precision_names().at(precision, "train.precision"); }

}  // namespace

const ValueNames<Precision>& precision_names() {
  static const ValueNames<Precision> names{{"auto", Precision::automatic}, {"fp32", Precision::fp32},
                                           {"bf16x6", Precision::bf16x6},  {"bf16x3", Precision::bf16x3},
                                           {"bf16", Precision::bf16},      {"fp16", Precision::fp16},
                                           {"fp64", Precision::fp64}};
  return names;
}

std::string resolve_precision(const std::string& precision, torch::Device device, const LogSink& log) {
  auto value = value_of(precision);
  if (value == Precision::fp16 && !device.is_cuda()) {
    log(LogLevel::warning, "train.precision = \"fp16\" needs a GPU; training in fp32");
    value = Precision::fp32;
  } else if (value == Precision::bf16x6 || value == Precision::bf16x3) {
    if (!device.is_cpu() || !nn::gemm::has_matrix_units()) {
      log(LogLevel::warning,
          text("train.precision = \"", precision, "\" needs a processor with AMX; training in fp32"));
      value = Precision::fp32;
    }
  } else if (value == Precision::automatic) {
    value = device.is_cuda() || nn::gemm::has_matrix_units() ? Precision::bf16 : Precision::fp32;
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

nn::gemm::ProductPrecision products_of(const std::string& precision) {
  switch (value_of(precision)) {
    case Precision::bf16x6:
      return nn::gemm::ProductPrecision::bf16x6;
    case Precision::bf16x3:
      return nn::gemm::ProductPrecision::bf16x3;
    default:
      return nn::gemm::ProductPrecision::fp32;
  }
}

bool scales_loss(const std::string& precision, torch::Device device) {
  return value_of(precision) == Precision::fp16 && device.is_cuda();
}

}  // namespace monge::solve
