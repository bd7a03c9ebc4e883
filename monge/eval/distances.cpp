#include "monge/eval/distances.h"

#include "monge/core/error.h"

namespace monge::eval {

void check_same_kind(const char* what, const torch::Tensor& a, const torch::Tensor& b) {
  require(a.dim() >= 2 && b.dim() >= 2 && a.sizes().slice(1) == b.sizes().slice(1), what,
          ": both sets must be [N, ...] with entries of one shape; got ", a.sizes(), " and ", b.sizes());
  require(a.numel() > 0 && b.numel() > 0, what, ": a set is empty; got ", a.sizes(), " and ", b.sizes());
}

torch::Tensor distances(const torch::Tensor& a_ND, const torch::Tensor& b_MD) {
  return torch::cdist(a_ND, b_MD, 2.0, a_ND.size(1) > 32 ? 1 : 2);
}

}  // namespace monge::eval
