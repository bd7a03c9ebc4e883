#include "monge/data/float32_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monge/core/error.h"

namespace monge::data {
namespace {

/// @param sorted  ascending, finite. Left as it is.
bool is_lost(const std::vector<double>& sorted) {
  if (sorted.size() < 2 || sorted.front() == sorted.back()) return false;
  const double magnitude = std::max(std::abs(sorted.front()), std::abs(sorted.back()));
  constexpr double kNoise = 8 * std::numeric_limits<double>::epsilon();
  if (sorted.back() - sorted.front() <= kNoise * magnitude) return false;

  const size_t n = sorted.size();
  if (!std::isfinite(static_cast<float>(sorted.front())) || !std::isfinite(static_cast<float>(sorted.back()))) return true;
  // About the middle value and in units of the range, so that no square overflows or loses the spread.
  const double centre = sorted[n / 2], unit = sorted.back() / 2 - sorted.front() / 2;
  /// The mean square of the rounding error over [begin, end), in these units.
  const auto mean_square_error = [&](size_t begin, size_t end) {
    double sum = 0;
    for (size_t i = begin; i < end; ++i) {
      const double error = (sorted[i] - static_cast<double>(static_cast<float>(sorted[i]))) / unit;
      sum += error * error;
    }
    return sum / static_cast<double>(end - begin);
  };
  double sum = 0, squares = 0;
  for (const double x : sorted) {
    const double z = (x - centre) / unit;
    sum += z;
    squares += z * z;
  }
  const auto count = static_cast<double>(n);
  const double variance = std::max(0.0, squares / count - sum / count * (sum / count));
  constexpr double kMost = kMostRounding * kMostRounding;
  if (mean_square_error(0, n) > kMost * variance) return true;

  constexpr double kQuartilesOfNormal = 1.349;  // their distance in standard deviations
  const size_t low = n / 4, high = n - 1 - n / 4;
  const double spread = sorted[high] - sorted[low], middle = spread / unit / kQuartilesOfNormal;
  if (spread <= kNoise * std::max(std::abs(sorted[low]), std::abs(sorted[high]))) return false;
  return mean_square_error(low, high + 1) > kMost * middle * middle;
}

}  // namespace

std::vector<int64_t> columns_lost_in_float32(const torch::Tensor& rows_ND) {
  require(rows_ND.dim() == 2, "columns_lost_in_float32: rows [N, D] are needed, got ", rows_ND.sizes());
  std::vector<int64_t> out;
  std::vector<double> column;
  for (int64_t d = 0; d < rows_ND.size(1); ++d) {
    const auto values = rows_ND.select(1, d).to(torch::kCPU, torch::kFloat64).contiguous();
    const auto* first = values.const_data_ptr<double>();
    column.clear();
    std::copy_if(first, first + values.numel(), std::back_inserter(column), [](double x) { return std::isfinite(x); });
    std::sort(column.begin(), column.end());
    if (is_lost(column)) out.push_back(d);
  }
  return out;
}

}  // namespace monge::data
