#include "monge/ot/intrinsic_dimension.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monge/core/error.h"

namespace monge::ot {
namespace {

constexpr int64_t kMostPoints = 4096;
constexpr int64_t kLeastPoints = 16;  // their standard error is a quarter of the estimate
// More than the two that are needed, because the rounding of products may swap neighbours at nearly the same distance.
constexpr int64_t kCandidates = 6;
constexpr int64_t kBlockEntries = int64_t{1} << 22;

torch::Tensor wide_rows(const torch::Tensor& samples) {
  require(samples.dim() >= 2 && samples.numel() > 0,
          "intrinsic dimension: the samples must be [N, ...], not empty; got ", samples.sizes());
  return samples.detach().flatten(1).to(torch::kCPU, torch::kFloat64);
}

/// Distances [n, 2] of the rows [begin, begin + n) to their two nearest other rows, ascending.
/// @param x_ND         the rows.
/// @param centred_ND   the rows minus their mean, so that products lose the fewest digits.
/// @param squares_N    squared norms of the centred rows.
torch::Tensor nearest_two(const torch::Tensor& x_ND, const torch::Tensor& centred_ND, const torch::Tensor& squares_N,
                          int64_t begin, int64_t n) {
  // |a - b|^2 - |a|^2, which has the same order as |a - b|^2.
  auto squared_nN = torch::addmm(squares_N, centred_ND.narrow(0, begin, n), centred_ND.t(), 1, -2);
  squared_nN.diagonal(begin).fill_(std::numeric_limits<double>::infinity());
  const auto candidates_nK = std::get<1>(squared_nN.topk(kCandidates, 1, /*largest=*/false));
  std::vector<torch::Tensor> distances;
  for (int64_t k = 0; k < kCandidates; ++k) {
    distances.push_back((x_ND.index_select(0, candidates_nK.select(1, k)) - x_ND.narrow(0, begin, n)).norm(2, 1));
  }
  return std::get<0>(torch::stack(distances, 1).sort(1)).narrow(1, 0, 2);
}

}  // namespace

double rms_radius(const torch::Tensor& samples) {
  const auto x_ND = wide_rows(samples);
  return std::sqrt((x_ND - x_ND.mean(0)).square().sum(1).mean().item<double>());
}

IntrinsicDimension intrinsic_dimension(const torch::Tensor& samples) {
  const auto all_ND = wide_rows(samples);
  const int64_t given = all_ND.size(0);
  require(given <= kMostPoints, "intrinsic dimension: ", given, " points (allowed: at most ", kMostPoints,
          "); pass a random subset");
  require(torch::isfinite(all_ND).all().item<bool>(), "intrinsic dimension: some samples are not finite");
  const auto x_ND = std::get<0>(torch::unique_dim(all_ND, 0));
  const int64_t n = x_ND.size(0), repeated = given - n;
  require(n >= kLeastPoints, "intrinsic dimension: ", n, " distinct points of ", given, " (allowed: ", kLeastPoints,
          " or more)");

  const auto centred_ND = x_ND - x_ND.mean(0);
  const auto squares_N = centred_ND.square().sum(1);
  const int64_t step = std::max<int64_t>(1, kBlockEntries / std::max(n, x_ND.size(1)));
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += step) {
    const auto near_n2 = nearest_two(x_ND, centred_ND, squares_N, begin, std::min(step, n - begin));
    sum += (near_n2.select(1, 1) / near_n2.select(1, 0)).log().sum().item<double>();
  }
  require(std::isfinite(sum), "intrinsic dimension: distances leave the range of float64; scale the samples");
  require(sum > 1e-9 * static_cast<double>(n),
          "intrinsic dimension: every point has two neighbours at the same distance, ",
          "as on a regular grid; add noise as small as the grid's rounding");
  return {.dimension = static_cast<double>(n) / sum, .points = n, .repeated = repeated};
}

double statistical_noise_level(double radius, double intrinsic, int64_t count, int64_t dim, double kappa) {
  require(std::isfinite(radius) && radius >= 0, "statistical noise level: radius = ", radius, " (allowed: 0 or more)");
  require(intrinsic > 0, "statistical noise level: intrinsic dimension = ", intrinsic, " (allowed: above 0)");
  require(count >= 1 && dim >= 1, "statistical noise level: ", count, " samples of ", dim,
          " entries (allowed: 1 or more of each)");
  require(std::isfinite(kappa) && kappa >= 0, "statistical noise level: kappa = ", kappa, " (allowed: 0 or more)");
  const double rate = std::pow(static_cast<double>(count), -1 / std::max(intrinsic, 4.0));
  return kappa * radius * rate / std::sqrt(static_cast<double>(dim));
}

}  // namespace monge::ot
