// A number that a schedule gives, for formulas that must also run in a captured graph.
#pragma once

#include <torch/types.h>

#include <utility>

namespace monge::ot {

/// A double, or a scalar tensor on the device that holds it. A captured graph reads the tensor, which is written before
/// each replay; the double would be frozen at its value of the capture. In float64 both give the same bits.
struct HostOrDeviceScalar {
  double value = 0;
  torch::Tensor tensor{};  ///< []; float64 (float32 for learning rates on a GPU). If undefined, `value` is used.

  HostOrDeviceScalar() = default;
  HostOrDeviceScalar(double number) : value(number) {}  // NOLINT: formulas take doubles as well
  HostOrDeviceScalar(double number, torch::Tensor held) : value(number), tensor(std::move(held)) {}

  friend torch::Tensor operator*(const HostOrDeviceScalar& number, const torch::Tensor& other) {
    return number.tensor.defined() ? number.tensor * other : number.value * other;
  }
};

}  // namespace monge::ot
