#include "monge/eval/few_samples.h"

#include <algorithm>

#include "monge/core/error.h"

namespace monge::eval {

std::string few_samples_warning(const data::Source& source, const data::Source& target, const data::Source& target_b,
                                int64_t samples) {
  const auto available = [&](const data::Source& from) {
    return from.endless() ? samples : std::min(samples, from.size());
  };
  const bool halves = &target == &target_b && !target.endless();
  const int64_t inputs = available(source);
  const int64_t targets = halves ? available(target) / 2 : std::min(available(target), available(target_b));
  if (std::min(inputs, targets) >= kFewSamples) return {};
  return text("the metrics use ", inputs, " inputs and ", targets, " target samples",
              halves ? " per side (halves of one set)" : "", "; below ", kFewSamples,
              " samples the target error and its floor are mostly noise. Evaluate with more samples, hold out more ",
              "(eval.holdout), or name sets with eval.source and eval.target");
}

}  // namespace monge::eval
