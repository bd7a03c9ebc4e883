#include "monge/eval/sample_comparison.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/eval/discrete_ot.h"
#include "monge/eval/distances.h"

namespace monge::eval {
namespace {

constexpr int64_t kPairBlock = int64_t{1} << 19;  // distances of a block; stays in the cache
constexpr int64_t kMedianSamples = 2048;
constexpr double kLargestScale = 4;
constexpr int64_t kKernelScales = 5;  // each half of the one before

torch::Tensor checked_set(const char* what, const torch::Tensor& a_ND, int64_t least) {
  require(a_ND.dim() == 2 && a_ND.size(1) >= 1, what, ": must be [N, D]; got ", a_ND.sizes());
  require(a_ND.size(0) >= least, what, ": has ", a_ND.size(0), " samples (allowed: ", least, " or more)");
  const auto wide = a_ND.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  require(wide.isfinite().all().item<bool>(), what, ": NaN or infinite values");
  return wide;
}

/// The median of |m_i - m_j|, i < j.
double median_distance(const torch::Tensor& m_MD) {
  const auto few = m_MD.narrow(0, 0, std::min(kMedianSamples, m_MD.size(0)));
  const auto sorted = std::get<0>(torch::pdist(few).sort());
  const int64_t n = sorted.size(0);
  return 0.5 * (sorted[(n - 1) / 2].item<double>() + sorted[n / 2].item<double>());
}

/// The sum of the kernel over a block of distances, which is overwritten.
double kernel_sum(torch::Tensor& distances_NM, double bandwidth) {
  const double widest = kLargestScale * bandwidth;
  auto& k = distances_NM.square_().mul_(-0.5 / (widest * widest)).exp_();
  double out = k.sum().item<double>();
  for (int64_t s = 1; s < kKernelScales; ++s) {
    k.square_().square_();  // half the scale: the fourth power
    out += k.sum().item<double>();
  }
  return out / static_cast<double>(kKernelScales);
}

}  // namespace

NamedMetrics SampleDistances::named() const {
  return {{"energy", energy}, {"w1", w1}, {"w2", w2}, {"mmd_squared", mmd_squared}};
}

SampleComparison::SampleComparison(const torch::Tensor& reference_MD, int64_t plan_points, uint64_t seed)
    : seed_(seed) {
  require(plan_points >= 2 && plan_points <= kMostPlanPoints, "samples in an exact plan: ", plan_points,
          " (allowed: 2 to ", kMostPlanPoints, ")");
  const auto reference = checked_set("the reference set", reference_MD, 4);
  const auto order = torch::randperm(reference.size(0), RandomStreams(seed).at("compare reference", 0), torch::kInt64);
  reference_MD_ = reference.index_select(0, order);
  plan_points_ = std::min(plan_points, reference.size(0) / 2);
  bandwidth_ = median_distance(reference_MD_);
  require(bandwidth_ > 0, "the reference set: half of its pairs or more are equal, so that no kernel fits them");
  within_reference_ = within(reference_MD_);
}

SampleDistances SampleComparison::compare(const torch::Tensor& a_ND) const {
  const auto a = checked_set("the compared set", a_ND, plan_points_);
  require(a.size(1) == reference_MD_.size(1), "the compared set has ", a.size(1), " columns and the reference set ",
          reference_MD_.size(1));
  const auto order = torch::randperm(a.size(0), RandomStreams(seed_).at("compare samples", 0), torch::kInt64);
  return combined(a.index_select(0, order), within(a), reference_MD_, within_reference_);
}

SampleDistances SampleComparison::floor() const {
  const int64_t half = reference_MD_.size(0) / 2;
  const auto a = reference_MD_.narrow(0, 0, half), b = reference_MD_.narrow(0, half, half);
  return combined(b, within(b), a, within(a));
}

SampleComparison::PairMeans SampleComparison::between(const torch::Tensor& a_ND, const torch::Tensor& b_MD) const {
  const int64_t step = std::max<int64_t>(1, kPairBlock / b_MD.size(0));
  PairMeans out;
  for (int64_t i = 0; i < a_ND.size(0); i += step) {
    auto block = distances(a_ND.slice(0, i, std::min(i + step, a_ND.size(0))), b_MD);
    out.distance += block.sum().item<double>();
    out.kernel += kernel_sum(block, bandwidth_);
  }
  const double pairs = static_cast<double>(a_ND.size(0)) * static_cast<double>(b_MD.size(0));
  return {out.distance / pairs, out.kernel / pairs};
}

SampleComparison::PairMeans SampleComparison::within(const torch::Tensor& a_ND) const {
  // A sample has distance 0 and kernel 1 to itself.
  const double n = static_cast<double>(a_ND.size(0));
  const auto all = between(a_ND, a_ND);
  return {all.distance * n / (n - 1), (all.kernel * n - 1) / (n - 1)};
}

SampleDistances SampleComparison::combined(const torch::Tensor& a_ND, const PairMeans& a, const torch::Tensor& b_MD,
                                           const PairMeans& b) const {
  const auto cross = between(a_ND, b_MD);
  const auto some_a = a_ND.narrow(0, 0, plan_points_), some_b = b_MD.narrow(0, 0, plan_points_);
  const auto costs = distances(some_a, some_b);
  return {.energy = cross.distance - 0.5 * (a.distance + b.distance),
          .mmd_squared = a.kernel + b.kernel - 2 * cross.kernel,
          .w1 = exact_plan(costs).cost,
          .w2 = std::sqrt(exact_plan(costs.square()).cost)};
}

}  // namespace monge::eval
