#include "monge/nn/product_scope.h"

namespace monge::nn {
namespace {

thread_local gemm::ProductPrecision products_of_thread = gemm::ProductPrecision::fp32;

}  // namespace

gemm::ProductPrecision current_products() { return products_of_thread; }

ProductScope::ProductScope(gemm::ProductPrecision products) : before_(products_of_thread) {
  products_of_thread = products;
}
ProductScope::~ProductScope() { products_of_thread = before_; }

}  // namespace monge::nn
