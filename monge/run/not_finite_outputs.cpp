#include "monge/run/not_finite_outputs.h"

#include "monge/core/error.h"
#include "monge/data/item_label.h"

namespace monge::run {

void NotFiniteOutputs::add(int64_t begin, const torch::Tensor& outputs) {
  const auto written = type_ ? outputs.to(*type_) : outputs;
  // [length, samples per input]
  const auto bad = written.reshape({outputs.size(0), outputs.size(1), -1}).isfinite().all(2).logical_not();
  seen_ += bad.numel();
  const int64_t count = bad.sum().item<int64_t>();
  if (count == 0) return;
  count_ += count;
  if (!first_) first_ = begin + bad.any(1).to(torch::kUInt8).argmax().item<int64_t>();
}

std::string NotFiniteOutputs::warning(const data::Source& input) const {
  if (!first_) return {};
  return text(count_, " of ", seen_, " outputs ", count_ == 1 ? "is" : "are", " not finite; the first is that of ",
              data::item_label(input, *first_), "; look for fill values in the input");
}

}  // namespace monge::run
