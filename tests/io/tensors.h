// Tensors of every type for the round trips of this area.
#pragma once

#include <torch/types.h>

#include "monge/io/tensor_file.h"

namespace monge::testing {

/// One [2, 3] tensor of each of the ten types, a scalar, an empty tensor, a transposed view and one with a gradient.
inline io::TensorFile tensors_of_all_types() {
  const auto values = torch::tensor({{0.0, 1.0, 2.5}, {-3.0, 4.0, -0.125}}, torch::kFloat64);
  io::TensorFile out;
  for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
                           torch::kInt32, torch::kInt16, torch::kInt8, torch::kBool}) {
    out.tensors.emplace_back(torch::toString(dtype), values.to(dtype));
  }
  out.tensors.emplace_back("Byte", values.abs().to(torch::kUInt8));
  out.tensors.emplace_back("scalar", torch::tensor(int64_t{-7}));
  out.tensors.emplace_back("empty", torch::zeros({0, 3}));
  out.tensors.emplace_back("layer.transposed", torch::arange(6, torch::kFloat32).view({2, 3}).t());
  out.tensors.emplace_back("layer.learned", torch::full({3}, 0.5).requires_grad_());
  return out;
}

/// Same names in the same order, same types, same shapes, same values.
inline void expect_same(const io::TensorFile& a, const io::TensorFile& b) {
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    const auto& [name, tensor] = a.tensors[i];
    EXPECT_EQ(name, b.tensors[i].first);
    EXPECT_EQ(tensor.scalar_type(), b.tensors[i].second.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(tensor.detach(), b.tensors[i].second.detach())) << name;
  }
}

}  // namespace monge::testing
