#include "monge/data/lost_columns.h"

#include <algorithm>
#include <cmath>

#include "monge/data/float32_loss.h"
#include "monge/data/standardise.h"

namespace monge::data {
namespace {

/// The rows that are examined.
std::vector<int64_t> sample(const Source& source, int64_t n, torch::Generator generator) {
  constexpr int64_t kMostEntries = 1 << 22, kLeastRows = 64;
  n = std::min(n, std::max(kLeastRows, kMostEntries / source.item_shape()[0]));
  return some_indices(source.size(), n, std::move(generator));
}

std::vector<double> medians(const Source& source, const std::vector<int64_t>& columns, int64_t n,
                            const torch::Generator& generator) {
  std::vector<double> out;
  const auto rows = source.exact_items(sample(source, n, generator.clone()));
  for (const int64_t k : columns) out.push_back(rows.select(1, k).median().item<double>());
  return out;
}

}  // namespace

std::vector<int64_t> lost_columns(const Source& source, int64_t n, torch::Generator generator) {
  if (source.item_shape().size() != 1 || source.endless()) return {};
  const auto rows = sample(source, n, std::move(generator));
  const auto* standardised = dynamic_cast<const StandardisedSource*>(&source);
  if (!standardised) return columns_lost_in_float32(source.exact_items(rows));
  const auto raw = standardised->raw().exact_items(rows);
  return columns_lost_in_float32(raw, standardised->columns().apply(raw), standardised->columns().scale);
}

std::vector<LossCause> loss_causes(const Source& side, const Source* other, const std::vector<int64_t>& columns,
                                   int64_t n, const torch::Generator& generator) {
  std::vector<LossCause> out(columns.size(), LossCause::offset);
  if (columns.empty() || !dynamic_cast<const StandardisedSource*>(&side)) return out;
  const auto own = medians(side, columns, n, generator);
  const bool paired = other && !other->endless() && other->item_shape() == side.item_shape();
  const auto theirs = paired ? medians(*other, columns, n, generator) : own;
  const double far = 10 * std::sqrt(static_cast<double>(side.item_shape()[0]));
  for (size_t i = 0; i < columns.size(); ++i) {
    if (std::abs(own[i]) > far) continue;
    out[i] = own[i] * theirs[i] < 0 ? LossCause::sides_apart : LossCause::stretched;
  }
  return out;
}

}  // namespace monge::data
