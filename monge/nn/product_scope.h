// How the fused passes multiply, for a scope.
#pragma once

#include "monge/nn/gemm.h"

namespace monge::nn {

/// The products of the fused passes that this thread calls; fp32 unless a scope says otherwise.
gemm::ProductPrecision current_products();

/// Sets current_products while it lives. A backward pass takes those of its forward pass, on whatever thread; where it
/// is differentiated again, or wants the derivative of a gradient in x, LibTorch's operators compute it in float32.
class ProductScope {
 public:
  explicit ProductScope(gemm::ProductPrecision products);
  ~ProductScope();
  ProductScope(const ProductScope&) = delete;
  ProductScope& operator=(const ProductScope&) = delete;

 private:
  gemm::ProductPrecision before_;
};

}  // namespace monge::nn
