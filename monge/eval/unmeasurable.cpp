#include "monge/eval/unmeasurable.h"

#include <optional>

#include "monge/core/error.h"
#include "monge/data/item_label.h"

namespace monge::eval {

std::string unmeasurable(const std::string& what, const torch::Tensor& samples, int64_t samples_per_input,
                         const data::Source& source, const std::function<std::vector<int64_t>()>& items) {
  const auto entries_NE = samples.detach().reshape({samples.size(0) * samples_per_input, -1});
  // NaN is not below anything, so it counts as bad.
  const auto bad_N = (entries_NE.abs() < kLargestMeasured).all(1).logical_not().cpu();
  const int64_t count = bad_N.sum().item<int64_t>();
  if (count == 0) return {};
  const int64_t infinite = entries_NE.isfinite().all(1).logical_not().sum().item<int64_t>();
  const char* how = infinite == count ? "not finite"
                    : infinite == 0   ? "beyond 1e19, where squared distances overflow"
                                      : "not finite, or beyond 1e19, where squared distances overflow";
  const auto out = text(count, " of ", bad_N.size(0), ' ', what, count == 1 ? " is " : " are ", how);
  const auto indices = items();
  if (indices.empty()) return out;
  std::optional<int64_t> first;
  const auto* bad = bad_N.const_data_ptr<bool>();
  for (int64_t i = 0; i < bad_N.size(0); ++i) {
    const int64_t item = indices.at(static_cast<size_t>(i / samples_per_input));
    if (bad[i] && (!first || item < *first)) first = item;
  }
  return out + "; the first is that of " + data::item_label(source, *first);
}

}  // namespace monge::eval
