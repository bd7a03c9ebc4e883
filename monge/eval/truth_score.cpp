#include "monge/eval/truth_score.h"

#include "monge/eval/discrete_ot.h"
#include "monge/eval/push_forward_error.h"

namespace monge::eval {

double mean_square_gap(const torch::Tensor& a_ND, const torch::Tensor& b_ND) {
  return (a_ND - b_ND).to(torch::kFloat64).square().sum(1).mean().item<double>();
}

void TargetDistances::add(const TargetDistances& other, double fraction) {
  w2_squared += fraction * other.w2_squared;
  floor += fraction * other.floor;
  collapse += fraction * other.collapse;
  energy += fraction * other.energy;
  energy_floor += fraction * other.energy_floor;
  energy_collapse += fraction * other.energy_collapse;
}

TargetDistances target_distances(const torch::Tensor& y, const torch::Tensor& a, const torch::Tensor& b) {
  const auto centre = a.mean(0, /*keepdim=*/true).expand_as(a);
  return {.w2_squared = exact_w2_squared(y, a),
          .floor = exact_w2_squared(b, a),
          .collapse = mean_square_gap(centre, a),  // a single point: only one plan exists
          .energy = energy_distance(y, a),
          .energy_floor = energy_distance(b, a),
          .energy_collapse = energy_distance(centre, a)};
}

std::vector<double> branch_fractions(const torch::Tensor& x, const torch::Tensor& y) {
  constexpr int64_t parts = 8;
  const auto upper = (y.select(1, -1) > 0).to(torch::kFloat64);
  const auto part = ((x.select(1, 0) + 1) * (0.5 * parts)).floor().clamp(0, parts - 1);
  std::vector<double> out;
  for (int64_t k = 0; k < parts; ++k) out.push_back(upper.masked_select(part == k).mean().item<double>());
  return out;
}

}  // namespace monge::eval
