#include "monge/data/float32_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monge/core/error.h"
#include "monge/data/fill_values.h"

namespace monge::data {
namespace {

struct Value {
  double raw;
  float used;
};
using Values = std::vector<Value>;

constexpr double kNoise = 8 * std::numeric_limits<double>::epsilon();
constexpr double kMost = kMostRounding * kMostRounding;  // of variances

/// Whether [begin, end) differs by no more than the rounding of float64.
bool is_constant(const Values& sorted, size_t begin, size_t end) {
  const double low = sorted[begin].raw, high = sorted[end - 1].raw;
  return low == high || high - low <= kNoise * std::max(std::abs(low), std::abs(high));
}

/// The variances of the values [begin, end) and of their errors. They are computed about the middle value and in units
/// of the given length, so that no square overflows or loses the spread.
struct Variances {
  double values, errors;
};

Variances variances(const Values& sorted, size_t begin, size_t end, double unit, double scale) {
  const auto centre = sorted[begin + (end - begin) / 2];
  double sum = 0, squares = 0, error_sum = 0, error_squares = 0;
  for (size_t i = begin; i < end; ++i) {
    const double z = (sorted[i].raw - centre.raw) / unit;
    const double kept = (static_cast<double>(sorted[i].used) - static_cast<double>(centre.used)) * scale / unit,
                 error = kept - z;
    sum += z;
    squares += z * z;
    error_sum += error;
    error_squares += error * error;
  }
  const auto count = static_cast<double>(end - begin);
  const auto variance = [count](double first, double second) {
    return std::max(0.0, second / count - first / count * (first / count));
  };
  return {variance(sum, squares), variance(error_sum, error_squares)};
}

/// Rules 1 and 2 for the values [begin, end).
bool is_lost(const Values& sorted, size_t begin, size_t end, double scale) {
  if (end - begin < 2 || is_constant(sorted, begin, end)) return false;
  const double unit = sorted[end - 1].raw / 2 - sorted[begin].raw / 2;
  const auto all = variances(sorted, begin, end, unit, scale);
  if (all.errors > kMost * all.values) return true;

  constexpr double kQuartilesOfNormal = 1.349;  // their distance in standard deviations
  const size_t quarter = (end - begin) / 4, low = begin + quarter, high = end - quarter;
  if (is_constant(sorted, low, high)) return false;
  const double middle = (sorted[high - 1].raw - sorted[low].raw) / unit / kQuartilesOfNormal;
  return variances(sorted, low, high, unit, scale).errors > kMost * middle * middle;
}

/// @param sorted  by the raw values, which are finite.
bool is_lost(const Values& sorted, double scale) {
  const size_t n = sorted.size();
  if (n < 2 || is_constant(sorted, 0, n)) return false;
  if (std::any_of(sorted.begin(), sorted.end(), [](const Value& v) { return !std::isfinite(v.used); })) return true;
  if (is_lost(sorted, 0, n, scale)) return true;
  ExtremeValues extremes;
  for (const auto& v : sorted) extremes.add(v.raw);
  const auto fill = extremes.fill_values();
  if (!fill) return false;
  const auto begin =
      std::partition_point(sorted.begin(), sorted.end(), [&](const Value& v) { return v.raw < fill->least; });
  const auto end = std::partition_point(begin, sorted.end(), [&](const Value& v) { return v.raw <= fill->most; });
  return is_lost(sorted, static_cast<size_t>(begin - sorted.begin()), static_cast<size_t>(end - sorted.begin()), scale);
}

}  // namespace

std::vector<int64_t> columns_lost_in_float32(const torch::Tensor& rows_ND) {
  require(rows_ND.dim() == 2, "columns_lost_in_float32: rows [N, D] are needed, got ", rows_ND.sizes());
  return columns_lost_in_float32(rows_ND, rows_ND.to(torch::kFloat32), torch::ones({rows_ND.size(1)}, torch::kFloat64));
}

std::vector<int64_t> columns_lost_in_float32(const torch::Tensor& rows_ND, const torch::Tensor& used_ND,
                                             const torch::Tensor& scale_D) {
  require(rows_ND.dim() == 2 && used_ND.sizes() == rows_ND.sizes() && scale_D.dim() == 1 &&
              scale_D.size(0) == rows_ND.size(1),
          "columns_lost_in_float32: rows [N, D], as many used rows and scales [D] are needed, got ", rows_ND.sizes(),
          ", ", used_ND.sizes(), " and ", scale_D.sizes());
  std::vector<int64_t> out;
  Values column;
  for (int64_t d = 0; d < rows_ND.size(1); ++d) {
    const auto raw = rows_ND.select(1, d).to(torch::kCPU, torch::kFloat64).contiguous();
    const auto used = used_ND.select(1, d).to(torch::kCPU, torch::kFloat32).contiguous();
    const auto* value = raw.const_data_ptr<double>();
    const auto* rounded = used.const_data_ptr<float>();
    column.clear();
    for (int64_t i = 0; i < raw.numel(); ++i) {
      if (std::isfinite(value[i])) column.push_back({value[i], rounded[i]});
    }
    std::sort(column.begin(), column.end(), [](const Value& a, const Value& b) { return a.raw < b.raw; });
    if (is_lost(column, scale_D[d].item<double>())) out.push_back(d);
  }
  return out;
}

}  // namespace monge::data
