// Weights that a formula gives, for feature nets whose trained weights are not part of this repository.
#pragma once

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "monge/io/tensor_file.h"

namespace monge::testing {

#pragma GCC push_options
#pragma GCC optimize("O2")  // there are 24 million weights, and tests are not optimised

/// A number in [-1, 1) for the element i of the tensor k.
inline double synthetic_uniform(uint32_t i, uint32_t k) {
  uint32_t x = i * 2654435761u + k * 40503u + 12345u;
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  x ^= x >> 16;
  return static_cast<double>(x) / 2147483648.0 - 1;
}

/// Gives values[i] = f(i), rounded to float32.
template <class Function>
void fill_synthetic(const torch::Tensor& tensor, const Function& f) {
  auto* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(f(i));
}

/// Sorts the tensors by name and fills them; k is the place in that order, i the element:
///
///     *.num_batches_tracked  stays as it is
///     *.running_mean         0.01 sin(0.53 i + 0.1 k)
///     *.running_var          1 + 0.1 cos(0.29 i + 0.1 k)
///     *bn.weight             1 + 0.2 sin(0.41 i + 0.1 k)
///     *bias                  0.05 sin(0.61 i + 0.1 k)
///     lin*                   (1 + u(i, k)) / 2, the heads of LPIPS
///     others                 2.5 / sqrt(fan in) u(i, k)
inline void fill_synthetic(io::TensorFile& file) {
  std::sort(file.tensors.begin(), file.tensors.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t k = 0; k < file.tensors.size(); ++k) {
    const auto& [key, tensor] = file.tensors[k];
    const double phase = 0.1 * static_cast<double>(k);
    const auto wave = [&](double frequency) {
      return [=](int64_t i) { return std::sin(frequency * static_cast<double>(i) + phase); };
    };
    const auto noise = [k](int64_t i) { return synthetic_uniform(static_cast<uint32_t>(i), static_cast<uint32_t>(k)); };
    if (key.ends_with("num_batches_tracked")) continue;
    if (key.ends_with("running_mean")) {
      fill_synthetic(tensor, [sine = wave(0.53)](int64_t i) { return 0.01 * sine(i); });
    } else if (key.ends_with("running_var")) {
      fill_synthetic(tensor, [&](int64_t i) { return 1 + 0.1 * std::cos(0.29 * static_cast<double>(i) + phase); });
    } else if (key.ends_with("bn.weight")) {
      fill_synthetic(tensor, [sine = wave(0.41)](int64_t i) { return 1 + 0.2 * sine(i); });
    } else if (key.ends_with("bias")) {
      fill_synthetic(tensor, [sine = wave(0.61)](int64_t i) { return 0.05 * sine(i); });
    } else if (key.starts_with("lin")) {
      fill_synthetic(tensor, [noise](int64_t i) { return (1 + noise(i)) / 2; });
    } else {
      const double scale = 2.5 / std::sqrt(static_cast<double>(tensor.numel() / tensor.size(0)));  // sqrt(fan in)
      fill_synthetic(tensor, [=](int64_t i) { return scale * noise(i); });
    }
  }
}

#pragma GCC pop_options

}  // namespace monge::testing
