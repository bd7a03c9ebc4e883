// Metric "mean_shift": the distance between the mean of the outputs and the mean of the target samples. It is nearly
// zero for a map that reaches its target, but a small value alone does not prove that a map does.
#include "examples/skeleton/skeleton.h"

namespace skeleton {

monge::eval::Metric mean_shift_metric() {
  return {.name = "mean_shift",
          .label = "mean shift",
          .note = "   distance between the means of outputs and target samples",
          .is_distance = true,  // eval.best may name it
          .of = {monge::eval::Samples::outputs, monge::eval::Samples::target},
          .compute = [](monge::eval::MetricContext& context) {
            const auto mean = [](const torch::Tensor& samples) {
              return samples.flatten(1).to(torch::kFloat64).mean(0);
            };
            return (mean(context.output().flatten(0, 1)) - mean(context.target())).norm().item<double>();
          }};
}

}  // namespace skeleton
