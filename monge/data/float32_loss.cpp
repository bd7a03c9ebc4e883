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

  const auto n = static_cast<double>(sorted.size());
  // About the middle value and in units of the range, so that no square overflows or loses the spread.
  const double centre = sorted[sorted.size() / 2], unit = sorted.back() / 2 - sorted.front() / 2;
  double sum = 0, squares = 0, errors = 0;
  int64_t distinct = 1, remaining = 1;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const auto rounded = static_cast<float>(sorted[i]);
    if (!std::isfinite(rounded)) return true;
    const double z = (sorted[i] - centre) / unit, error = (sorted[i] - static_cast<double>(rounded)) / unit;
    sum += z;
    squares += z * z;
    errors += error * error;
    if (i == 0 || sorted[i] == sorted[i - 1]) continue;
    ++distinct;
    remaining += rounded != static_cast<float>(sorted[i - 1]);
  }
  const double variance = std::max(0.0, squares / n - sum / n * (sum / n));
  return errors / n > kMostRounding * kMostRounding * variance || 2 * remaining < distinct;
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
