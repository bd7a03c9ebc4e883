#include "monge/eval/displacement_interpolation.h"

#include <algorithm>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/eval/discrete_ot.h"

namespace monge::eval {
namespace {

torch::Tensor random_rows(const torch::Tensor& a_ND, int64_t n, torch::Generator generator) {
  const auto order = torch::randperm(a_ND.size(0), std::move(generator), torch::kInt64);
  return a_ND.detach().to(torch::kCPU, torch::kFloat64).index_select(0, order.narrow(0, 0, n));
}

}  // namespace

torch::Tensor displacement_interpolation(const torch::Tensor& a_ND, const torch::Tensor& b_MD, double t, int64_t points,
                                         uint64_t seed) {
  require(a_ND.dim() == 2 && b_MD.dim() == 2 && a_ND.size(1) == b_MD.size(1),
          "interpolation: both sets must be [N, D] with the same D; got ", a_ND.sizes(), " and ", b_MD.sizes());
  require(t >= 0 && t <= 1, "interpolation: t = ", t, " (allowed: 0 to 1)");
  require(points >= 1 && points <= kMostPlanPoints, "interpolation: ", points, " samples (allowed: 1 to ",
          kMostPlanPoints, ")");
  const RandomStreams streams(seed);
  const int64_t n = std::min({points, a_ND.size(0), b_MD.size(0)});
  const auto a = random_rows(a_ND, n, streams.at("interpolation a", 0));
  const auto b = random_rows(b_MD, n, streams.at("interpolation b", 0));
  // Equal weights on as many points: a vertex of the polytope is an assignment, and the simplex ends on one.
  const auto plan = exact_plan(squared_distances(a, b));
  return (1 - t) * a.index_select(0, plan.i) + t * b.index_select(0, plan.j);
}

}  // namespace monge::eval
