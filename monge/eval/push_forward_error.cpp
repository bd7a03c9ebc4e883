#include "monge/eval/push_forward_error.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/eval/distances.h"

namespace monge::eval {
namespace {

constexpr int64_t kBlockEntries = int64_t{1} << 22;  // bounds the memory of a block of distances or projections

torch::Tensor rows(const torch::Tensor& samples) { return samples.detach().flatten(1).to(torch::kFloat64); }

void check_same_shape(const char* what, const torch::Tensor& a, const torch::Tensor& b) {
  check_same_kind(what, a, b);
  require(a.sizes() == b.sizes(), what, ": the sets must belong to the same inputs; got ", a.sizes(), " and ",
          b.sizes());
}

double sum_of_distances(const torch::Tensor& a_ND, const torch::Tensor& b_MD, dist::ProcessGroup& group,
                        const BetweenBlocks& between_blocks) {
  const int64_t step = std::max<int64_t>(1, kBlockEntries / b_MD.size(0));
  const auto own = dist::slice_of(a_ND.size(0), group);
  const int64_t end = own.begin + own.length;
  double out = 0;
  for (int64_t i = own.begin; i < end; i += step) {
    const auto block = a_ND.slice(0, i, std::min(i + step, end));
    out += distances(block, b_MD).sum().item<double>();
    if (between_blocks) between_blocks();
  }
  const auto all = torch::full({1}, out, torch::kFloat64);
  group.sum(all);
  return all.item<double>();
}

/// Mean |a - a'|. A point has distance 0 to itself, so the two estimates differ in the divisor alone.
double mean_within(const torch::Tensor& a_ND, Pairs pairs, dist::ProcessGroup& group,
                   const BetweenBlocks& between_blocks) {
  const double n = static_cast<double>(a_ND.size(0));
  return sum_of_distances(a_ND, a_ND, group, between_blocks) / (n * (pairs == Pairs::all ? n : n - 1));
}

/// The coupling of two sorted samples of n and m equal weights: the pairs of entries and their weights.
struct Coupling {
  torch::Tensor i, j, weight;
};

Coupling monotone_coupling(int64_t n, int64_t m) {
  std::vector<int64_t> is, js;
  std::vector<double> weights;
  const double unit = 1.0 / (static_cast<double>(n) * static_cast<double>(m));
  int64_t i = 0, j = 0, at = 0;  // `at` counts in units of 1 / (n m): sample i ends at (i + 1) m, sample j at (j + 1) n
  while (i < n && j < m) {
    const int64_t end = std::min((i + 1) * m, (j + 1) * n);
    is.push_back(i);
    js.push_back(j);
    weights.push_back(static_cast<double>(end - at) * unit);
    i += end == (i + 1) * m;
    j += end == (j + 1) * n;
    at = end;
  }
  return {torch::tensor(is), torch::tensor(js), torch::tensor(weights, torch::kFloat64)};
}

}  // namespace

double energy_distance(const torch::Tensor& a, const torch::Tensor& b, Pairs pairs, dist::ProcessGroup& group,
                       const BetweenBlocks& between_blocks) {
  check_same_kind("energy distance", a, b);
  const int64_t least = pairs == Pairs::all ? 1 : 2;
  require(a.size(0) >= least && b.size(0) >= least, "energy distance: distinct pairs need 2 samples in each set; got ",
          a.size(0), " and ", b.size(0));
  const auto a_ND = rows(a), b_MD = rows(b);
  const double pair_count = static_cast<double>(a.size(0)) * static_cast<double>(b.size(0));
  const double between = sum_of_distances(a_ND, b_MD, group, between_blocks) / pair_count;
  const double distance =
      2 * between - mean_within(a_ND, pairs, group, between_blocks) - mean_within(b_MD, pairs, group, between_blocks);
  // Only rounding makes it negative. NaN must remain NaN; std::max(0.0, NaN) would give 0, the best value.
  return pairs == Pairs::all && distance < 0 ? 0 : distance;
}

double sliced_wasserstein(const torch::Tensor& a, const torch::Tensor& b, int64_t projections, uint64_t seed) {
  check_same_kind("sliced Wasserstein", a, b);
  require(projections >= 1, "sliced Wasserstein: projections = ", projections, " (allowed: 1 or more)");
  const auto a_ND = rows(a), b_MD = rows(b);
  auto coupling = monotone_coupling(a_ND.size(0), b_MD.size(0));
  for (auto* part : {&coupling.i, &coupling.j, &coupling.weight}) *part = part->to(a_ND.device());
  auto generator = RandomStreams(seed).at("eval sliced directions", 0);
  const int64_t step = std::clamp<int64_t>(kBlockEntries / (a_ND.size(0) + b_MD.size(0)), 1, projections);
  double out = 0;
  for (int64_t p = 0; p < projections; p += step) {
    const int64_t count = std::min(step, projections - p);
    auto directions = torch::randn({count, a_ND.size(1)}, generator, torch::kFloat64).to(a_ND.device());
    directions /= directions.norm(2, 1, true);
    const auto a_NP = std::get<0>(torch::matmul(a_ND, directions.t()).sort(0));
    const auto b_MP = std::get<0>(torch::matmul(b_MD, directions.t()).sort(0));
    const auto gap = a_NP.index_select(0, coupling.i) - b_MP.index_select(0, coupling.j);
    out += torch::mv(gap.square().t(), coupling.weight).sum().item<double>();
  }
  return out / static_cast<double>(projections);
}

double l2_uvp(const torch::Tensor& prediction, const torch::Tensor& truth, double target_variance) {
  check_same_shape("L2-UVP", prediction, truth);
  require(target_variance > 0, "L2-UVP: the target's variance is ", target_variance, " (allowed: above 0)");
  return 100 * (rows(prediction) - rows(truth)).square().sum(1).mean().item<double>() / target_variance;
}

double displacement_cosine(const torch::Tensor& x, const torch::Tensor& prediction, const torch::Tensor& truth) {
  check_same_shape("cosine", x, prediction);
  check_same_shape("cosine", x, truth);
  const auto a = rows(truth) - rows(x), b = rows(prediction) - rows(x);
  const double scale = std::sqrt(a.square().sum().item<double>() * b.square().sum().item<double>());
  return scale == 0 ? 0 : (a * b).sum().item<double>() / scale;
}

PushForwardError push_forward_error(const torch::Tensor& inputs, const torch::Tensor& outputs,
                                    const torch::Tensor& target_a, const torch::Tensor& target_b,
                                    dist::ProcessGroup& group, const BetweenBlocks& between_blocks) {
  check_same_shape("push-forward error", inputs, outputs);
  check_same_kind("push-forward error", outputs, target_b);
  const int64_t points = std::min(outputs.size(0), target_b.size(0));
  return {.error = energy_distance(outputs.slice(0, 0, points), target_a, Pairs::all, group, between_blocks),
          .floor = energy_distance(target_b.slice(0, 0, points), target_a, Pairs::all, group, between_blocks),
          .start = energy_distance(inputs.slice(0, 0, points), target_a, Pairs::all, group, between_blocks)};
}

double output_diversity(const torch::Tensor& outputs) {
  require(outputs.dim() >= 3 && outputs.numel() > 0 && outputs.size(1) >= 2,
          "diversity: outputs must be [B, K, ...] with K >= 2 samples per input; got ", outputs.sizes());
  const auto outputs_BKD = outputs.detach().flatten(2);
  const int64_t count = outputs_BKD.size(1);
  double out = 0;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      const auto gap = outputs_BKD.select(1, i).to(torch::kFloat64) - outputs_BKD.select(1, j).to(torch::kFloat64);
      out += gap.square().mean(1).sqrt().mean().item<double>();
    }
  }
  return out / (0.5 * static_cast<double>(count) * static_cast<double>(count - 1));
}

}  // namespace monge::eval
