// A scheduled number, for formulas that also run in captured graphs.
#pragma once

#include <torch/types.h>

#include <utility>

namespace monge::ot {

/// A double, or a scalar tensor on the device with the same value. A captured graph reads the tensor, which is written
/// before each replay; it would keep the double of the capture for ever. In float64 both give the same bits.
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
