#include "monge/model/displacement.h"

#include "monge/core/error.h"

namespace monge::model {

torch::Tensor between(const torch::Tensor& x, const torch::Tensor& y, double t) {
  require(t >= 0 && t <= 1, "t = ", t, ": allowed is 0 (the input) to 1 (the output)");
  if (t == 1) return y;
  require(x.defined() && at::is_expandable_to(x.sizes(), y.sizes()),
          "between: x and y have shapes that do not fit each other");
  const auto starts = x.expand_as(y);
  if (t == 0) return starts;  // also where y is not finite, and 0 times y is NaN
  const auto type = torch::promote_types(x.scalar_type(), y.scalar_type());
  return torch::lerp(starts.to(type), y.to(type), t);
}

std::vector<double> equidistant_times(int64_t count) {
  require(count >= 2, "steps from 0 to 1: 2 or more are needed, got ", count);
  std::vector<double> out;
  for (int64_t k = 0; k < count; ++k) out.push_back(static_cast<double>(k) / static_cast<double>(count - 1));
  return out;
}

}  // namespace monge::model
